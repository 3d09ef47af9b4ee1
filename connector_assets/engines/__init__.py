"""How each engine extracts a connector into a staged package."""
