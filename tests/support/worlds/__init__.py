"""Whole installations, accounts and agents that tests drive."""
