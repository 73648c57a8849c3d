"""Checks of the finished shop from outside: visits to its pages, the sign-in to its back office, what pages name."""
