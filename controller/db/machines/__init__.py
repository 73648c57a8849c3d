"""Rows about machines: servers with their breakers, slots and starts of agents, and workers."""
