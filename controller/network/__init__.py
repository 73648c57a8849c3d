"""Calls to other machines, each bounded in time and bytes; nothing else in the controller opens a connection."""
