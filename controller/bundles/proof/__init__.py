"""Loads a bundle's own database as the agent would, and takes the evidence from there."""
