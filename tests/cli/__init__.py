"""Tests of the connectors command."""
