"""The first run: what it asks, how each answer is checked, and what becomes of it."""
