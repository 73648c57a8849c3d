"""One file that holds a whole installation."""
