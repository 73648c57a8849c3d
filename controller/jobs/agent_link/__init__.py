"""Talking with one agent: its job file, its reports and downloads, and what is read through the panel."""
