"""Helpers of tests, one responsibility each."""
