"""The `local` panel: a plain Debian or Ubuntu machine."""
