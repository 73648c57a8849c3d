"""QR codes that authenticator apps read: an SVG for pages, block characters for terminals."""

from __future__ import annotations

import segno

#: Empty modules around the code that readers need.
_BORDER = 4
#: (upper module is dark, lower module is dark) -> the character that shows both.
_BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def svg(text: str) -> str:
    """Return an SVG element, black on white in every theme; without style attributes, which pages forbid."""
    return _made(text).svg_inline(border=_BORDER, dark="#000", light="#fff", omitsize=True, svgclass=None)


def blocks(text: str) -> list[str]:
    """Return the lines of a QR code in block characters, black on white."""
    rows = [[bool(module) for module in row] for row in _made(text).matrix_iter(border=_BORDER)]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return ["".join(_BLOCKS[both] for both in zip(upper, lower, strict=True)) for upper, lower in pairs]


def _made(text: str) -> segno.QRCode:
    return segno.make_qr(text, error="m")
