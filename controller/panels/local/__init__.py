"""The `local` panel: a plain Debian or Ubuntu machine of one's own."""
