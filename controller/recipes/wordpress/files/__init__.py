"""WordPress's files: which are packed, and those that are written anew."""
