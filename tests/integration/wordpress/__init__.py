"""A WordPress nobody here wrote, packed and restored: the one Debian packages."""
