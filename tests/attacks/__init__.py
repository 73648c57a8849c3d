"""Attacks that somebody tried and that end as they should; one module for each promise."""
