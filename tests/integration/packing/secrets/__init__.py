"""Secrets of a template: found, decided, gone."""
