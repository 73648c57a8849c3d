"""Tests of what `doctor` examines."""
