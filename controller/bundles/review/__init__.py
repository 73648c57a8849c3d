"""Locates what the final search found in the template, and applies the operator's decisions about it."""
