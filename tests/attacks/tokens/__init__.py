"""Tokens and requests do what they were made for, and whoever sends them holds nobody up."""
