"""Calls to a cPanel/WHM server: requests, parsed answers, limits and the lock after a refused login."""
