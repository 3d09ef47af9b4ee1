"""Singer messages, their types, and the connector-target executable."""
