"""Brokers that tests start for themselves."""
