"""The shop's files: where they are built, how they come into the document root, what is looked for in them."""
