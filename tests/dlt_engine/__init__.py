"""The dlt engine on real sources: an HTTP API, databases, files, Python functions."""
