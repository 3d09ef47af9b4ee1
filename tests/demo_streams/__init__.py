"""Every demo stream, by both engines, into both destinations; a file for each engine."""
