"""The shop's files: building the tree, moving it into the document root, and searching it for traces."""
