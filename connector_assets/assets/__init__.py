"""The Dagster view: connectors as asset groups, streams as assets."""
