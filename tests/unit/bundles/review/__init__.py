"""Findings, and what is decided about them."""
