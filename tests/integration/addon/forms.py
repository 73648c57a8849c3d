"""Forms of the administrator's page, read as a browser would."""

import html
import re


def forms(page):
    """Return the hidden fields of every form on a page."""
    found = re.findall(r"<form.*?</form>", page.text, re.S)
    return [
        {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', one)}
        for one in found
    ]


def form(page, do, **more):
    """Return the fields of the form that does `do` (and has these values). Raises AssertionError."""
    for fields in forms(page):
        if fields["do"] == do and more.items() <= fields.items():
            return fields
    raise AssertionError(f"no form for {do}: {page.text}")
