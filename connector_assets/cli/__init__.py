"""The connectors command."""
