"""The controller killed at every write it makes."""
