"""The platform's own database."""
