"""Talking with one agent: what its reports may cost, which of them are kept, how its bundle is sent."""
