"""Calling a cPanel/WHM server: one request, its answer read, within limits and behind a lock."""
