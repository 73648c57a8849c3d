"""Domains as people write them: orders keep what machines write."""

from __future__ import annotations

import idna


def readable(domain: str, folder: str = "") -> str:
    """Return a domain (ASCII, as `orders.check_domain` returns it) in its own script, with the shop's folder behind."""
    name = ".".join(idna.decode(label) if label.startswith("xn--") else label for label in domain.split("."))
    return f"{name}/{folder}" if folder else name
