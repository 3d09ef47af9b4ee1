"""DuckDB and DuckLake: connections, locks and the atomic load."""
