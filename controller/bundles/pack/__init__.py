"""Packs rows and files into the members of a bundle, and writes the bundle."""
