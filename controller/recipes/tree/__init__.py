"""A template's files as every recipe sees them: which are packed, and what is changed in them."""
