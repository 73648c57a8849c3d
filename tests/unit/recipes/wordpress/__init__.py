"""WordPress's recipe."""
