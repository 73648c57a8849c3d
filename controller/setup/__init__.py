"""Making an installation and looking after it: what it needs, what is removed, keys that are retired."""
