"""Loads a bundle's database as the agent would, and collects evidence from the loads."""
