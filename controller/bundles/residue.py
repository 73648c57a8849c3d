"""Searches the finished bundle, unpacked, for what must not leave the template: its secrets, domain and paths."""

from __future__ import annotations

import base64
import binascii
import html
import io
import json
import re
import tarfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

from controller.bundles.absence import Wanted, absent_from, is_ruled_out
from controller.bundles.reading import open_bundle
from shared.bundle import SHARDS
from shared.errors import ShoplaunchError

#: Told a member's SHA-256 and what is wanted: whether it is known that the member holds none of that.
Misses = Callable[[str, list[Wanted]], bool]
#: Places named in the message.
SHOWN_PLACES = 20
#: Kinds of members in which every needle stands as it is: nothing in them is decoded once more.
_LARGE = (*SHARDS, "data")
#: What is handed over at once to be decompressed.
_PIECE_BYTES = 256 * 1024
#: Members searched at once: decompressing one and searching another go on at the same time.
_AT_ONCE = 2
#: base64 is searched by its middle: the ends depend on what stands beside it.
_SHORTEST_FOR_BASE64 = 8


def forms(needle: bytes) -> list[bytes]:
    """Return the spellings under which `needle` is searched, besides base64."""
    shown = needle.decode("utf-8", "surrogateescape")
    escaped = json.dumps(needle.decode("utf-8", "replace"))[1:-1].encode("ascii")
    spellings = [
        needle,
        needle.replace(b"\\", b"\\\\").replace(b"'", b"\\'"),
        needle.replace(b"%", b"%%"),
        escaped,
        escaped.replace(b"/", b"\\/"),
        escaped.replace(b"/", b"\\\\/"),
        quote(needle, safe="").encode("ascii"),
        re.sub(r"%..", lambda hit: hit.group().lower(), quote(needle, safe="")).encode("ascii"),
        html.escape(shown, quote=True).encode("utf-8", "surrogateescape"),
        needle.hex().encode("ascii"),
        needle.hex().upper().encode("ascii"),
    ]
    return list(dict.fromkeys(spellings))


def base64_forms(needle: bytes) -> list[bytes]:
    """Return what base64 makes of `needle` at each of its three alignments."""
    if len(needle) < _SHORTEST_FOR_BASE64:
        return []
    found = []
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + needle)
        # Without the characters that also carry bits of the neighbours
        found.append(coded[(0, 2, 3)[shift] : len(coded) - (4 if (shift + len(needle)) % 3 else 0)])
    return found


def unsearched(needles: Mapping[str, bytes]) -> dict[str, str]:
    """Return label -> reason of where `search` does not look for the needles."""
    short = [label for label, needle in needles.items() if not base64_forms(needle)]
    return {**dict.fromkeys(short, "in base64: too short"), "files without placeholders": "in base64"}


class Searcher:
    """Finds needles; `needles` maps a label for the operator to the bytes that must not occur."""

    def __init__(self, needles: Mapping[str, bytes]) -> None:
        self._plain = [(label, core, form) for label, one in needles.items() for core, form in _with_cores(one)]
        self._coded = [(label, form, form) for label, one in needles.items() for form in base64_forms(one)]

    def wanted(self, thorough: bool) -> list[Wanted]:
        """Return all that is searched for; `thorough` with what base64 makes of it."""
        return [(core, form) for _, core, form in self._needles(thorough)]

    def found_in(self, data: bytes, thorough: bool) -> list[str]:
        """Return the labels of the needles in `data`; `thorough` looks into base64 too."""
        needles = self._needles(thorough)
        present = {core for core in dict.fromkeys(core for _, core, _ in needles) if core in data}
        return list(dict.fromkeys(label for label, core, form in needles if core in present and form in data))

    def _needles(self, thorough: bool) -> list[tuple[str, bytes, bytes]]:
        return self._plain + self._coded if thorough else self._plain


def _with_cores(needle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (core, form): without the core, which several forms share, none of them is there."""
    # What no spelling but hexadecimal changes: the longer it is, the quicker it is looked for, and the rarer
    longest = max(re.split(rb"[^A-Za-z0-9_.~-]+", needle), key=len)
    for form in forms(needle):
        yield longest if longest in form else form, form


def search(bundle_path: Path, needles: Mapping[str, bytes], misses: Misses = lambda _digest, _wanted: False) -> None:
    """Raise ShoplaunchError `residue_in_bundle`, naming the places, when the bundle holds one of `needles`.

    `misses` is asked of every member by the digest it has in the bundle, and spares the search when it is True.
    """
    searcher = Searcher(needles)
    places: list[str] = []
    with open_bundle(bundle_path) as bundle, ThreadPoolExecutor(_AT_ONCE) as threads:
        # What the agent will search for stands in the manifest in hexadecimal, on purpose
        for key, value in bundle.manifest.items():
            if key != "residue":
                found = searcher.found_in(json.dumps(value).encode(), True)
                places += [f"manifest.json {key}: {label}" for label in found]
        searched: deque[Future[list[str]]] = deque()
        for member, packed in bundle.members():
            if misses(member["sha256"], searcher.wanted(_thorough(member))):
                continue
            # No more than what is worked at is in memory
            if len(searched) == _AT_ONCE:
                places += searched.popleft().result()
            searched.append(threads.submit(_places, member, packed, searcher))
        for one in searched:
            places += one.result()
    if places:
        shown = "; ".join(places[:SHOWN_PLACES])
        more = f" and {len(places) - SHOWN_PLACES} more" if len(places) > SHOWN_PLACES else ""
        raise ShoplaunchError("residue_in_bundle", shown + more, places=places)


def _places(member: Mapping[str, Any], packed: bytes, searcher: Searcher) -> list[str]:
    wanted = searcher.wanted(_thorough(member))
    if member["kind"] in _LARGE and is_ruled_out(wanted, absent_from(_pieces(packed), wanted)):
        return []
    # As a whole only to name the places
    contents = _contents(member, zlib.decompress(packed, zlib.MAX_WBITS | 16, member["unpacked"]))
    return [f"{place}: {label}" for place, data in contents for label in searcher.found_in(data, _thorough(member))]


def _pieces(packed: bytes) -> Iterator[bytes]:
    return (packed[start : start + _PIECE_BYTES] for start in range(0, len(packed), _PIECE_BYTES))


def _thorough(member: Mapping[str, Any]) -> bool:
    return member["kind"] not in SHARDS or bool(member["placeholders"])


def _contents(member: Mapping[str, Any], data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (place, bytes) of a member's parts."""
    kind = member["kind"]
    if kind in SHARDS:
        yield from _files(data)
    elif kind == "data":
        for number, line in enumerate(data.split(b"\n"), 1):
            yield f"{member['name']} line {number} ({line[:60].decode('utf-8', 'replace').split(' (')[0]})", line
    else:
        yield member["name"], data
        for number, part in enumerate(_coded_strings(json.loads(data))):
            yield f"{member['name']} value {number}", part


def _files(data: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for item in archive:
            yield f"{item.name} (name)", f"{item.name} {item.linkname}".encode()
            content = archive.extractfile(item) if item.isfile() else None
            if content is not None:
                yield item.name, content.read()


def _coded_strings(value: Any) -> Iterator[bytes]:
    if isinstance(value, str):
        try:
            yield base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return
    elif isinstance(value, dict):
        for part in value.values():
            yield from _coded_strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _coded_strings(part)
