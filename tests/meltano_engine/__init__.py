"""The Meltano engine on real Meltano, with the small taps of tests/taps."""
