"""Agents' reports, and what is read of agents that cannot report."""
