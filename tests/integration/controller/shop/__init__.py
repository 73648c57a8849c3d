"""Shops visited and proved."""
