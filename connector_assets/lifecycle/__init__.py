"""The four steps of a sync, the evidence they leave and the verdict computed from it."""
