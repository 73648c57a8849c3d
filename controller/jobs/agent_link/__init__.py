"""Talking with one agent: its job file, its reports and downloads, and what is read of it through the panel."""
