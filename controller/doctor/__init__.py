"""Checks of what an installation needs to work, one by one; nothing is changed. Which there are: `registry.py`."""
