"""Billing systems, up to their settings."""
