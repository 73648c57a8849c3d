"""Backups, restores and migrations that are damaged, cut off or old."""
