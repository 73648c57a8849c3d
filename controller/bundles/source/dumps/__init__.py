"""Reads a dump as text and judges its statements; nothing is executed here."""
