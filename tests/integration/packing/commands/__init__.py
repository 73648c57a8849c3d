"""`shoplaunch pack` as an operator meets it."""
