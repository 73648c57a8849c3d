"""Customers' rows."""
