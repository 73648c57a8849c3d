"""Pages of operators and how they sign in."""
