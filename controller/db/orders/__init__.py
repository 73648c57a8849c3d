"""Queries on what billing systems send: signed requests, refused orders, events of their services."""
