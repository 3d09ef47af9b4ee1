"""A source that changes between syncs, read by both engines: what is told, stopped, let through."""
