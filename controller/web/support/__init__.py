"""Foundations of the web application: parsing, sessions, words, the doors to the service."""
