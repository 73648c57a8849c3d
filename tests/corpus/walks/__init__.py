"""The walk through a shop in the browser."""
