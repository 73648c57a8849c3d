"""Reads QR codes as the camera of an app does: by zbarimg (zbar-tools)."""

import subprocess
import tempfile
from pathlib import Path

#: Pixels of a module, and which halves of a character are dark.
SIZE = 6
HALVES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def read_image(data, kind):
    """Return the text of the one QR code in a picture of `kind` (png, pgm)."""
    with tempfile.TemporaryDirectory(prefix="shoplaunch-qr-") as folder:
        file = Path(folder, f"code.{kind}")
        file.write_bytes(data)
        command = ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def read_blocks(lines):
    """Return the text of the QR code that these lines of a terminal show, black on white."""
    rows = []
    for line in lines:
        for half in (0, 1):
            row = b"".join((b"\0" if HALVES[letter][half] else b"\xff") * SIZE for letter in line)
            rows += [row] * SIZE
    head = f"P5 {len(rows[0])} {len(rows)} 255\n".encode()
    return read_image(head + b"".join(rows), "pgm")


def blocks_in(text):
    """Return the lines of `text` that are rows of a QR code; those that are not have other letters."""
    return [line for line in text.splitlines() if len(line) > 20 and set(line) <= set(HALVES)]
