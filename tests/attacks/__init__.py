"""Attacks that somebody tried and that end as they should: a folder for each concern, a module for each promise."""
