"""Finds comments in programs, style sheets, pages and settings, and blanks the secrets in them."""
