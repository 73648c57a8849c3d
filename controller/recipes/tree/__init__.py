"""A template's files for every recipe: which are packed, and how they are changed."""
