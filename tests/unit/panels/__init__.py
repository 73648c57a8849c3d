"""Drivers of panels, up to their answers."""
