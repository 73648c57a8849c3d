"""Reads the template shop: its tree and its database, from a live server or a dump."""
