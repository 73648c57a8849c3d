"""The template shop: its tree and its database, read as they are, from a live server or a dump."""
