"""Recipes: the application-specific rules for packing and ordering."""
