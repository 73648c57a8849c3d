"""Connections, chunks, tables."""
