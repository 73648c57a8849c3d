"""Dumps and databases of every kind, read and loaded as their own client would."""
