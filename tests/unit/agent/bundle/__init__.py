"""The bundle, opened and distrusted."""
