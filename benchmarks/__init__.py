"""Measures the platform against the bare engines; prints ratios, asserts nothing."""
