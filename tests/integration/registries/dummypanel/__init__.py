"""A driver of another panel: its servers have an address, a login and a setting `color`."""
