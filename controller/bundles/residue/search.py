"""Searches the unpacked bundle for needles that must not leave the template: its secrets, domain and paths."""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
import tarfile
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from controller.bundles.encodings.encoding import Encode
from controller.bundles.encodings.table import searched
from controller.bundles.residue.bundle_reader import open_bundle
from controller.bundles.residue.exclusion import Wanted, absent_from, is_ruled_out
from controller.recipes import escaped_signs
from controller.recipes.places import Places
from shared.bundle import SHARDS
from shared.errors import ShoplaunchError
from shared.placeholders import sql_escape

if TYPE_CHECKING:
    from shared.documents import Member

#: Takes a member's SHA-256 and the wanted texts; returns whether the member is known to hold none of them.
Misses = Callable[[str, list[Wanted]], bool]
#: Places listed in the message.
SHOWN_PLACES = 20
#: Besides the encodings of placeholders.
_HEXADECIMAL: tuple[Encode, ...] = (
    lambda value: value.hex().encode("ascii"),
    lambda value: value.hex().upper().encode("ascii"),
)
#: Kinds of members that hold every needle literally: nothing in them is decoded further.
_LARGE = (*SHARDS, "data")
#: Bytes to decompress at once.
_PIECE_BYTES = 256 * 1024
#: Members searched at once: while one is decompressed another is searched.
_AT_ONCE = 2
#: base64 is searched by its middle part: its ends depend on the neighbouring bytes.
_SHORTEST_FOR_BASE64 = 8


def spellings() -> Iterator[Encode]:
    """Yield the spellings in which a text may hold a byte string, each also as a quoted string of PHP and of SQL."""
    for written in (*searched(), *_HEXADECIMAL):
        yield written
        yield partial(_in_php, written)
        yield partial(_in_sql, written)


def _in_php(written: Encode, value: bytes) -> bytes:
    return written(value).replace(b"\\", b"\\\\").replace(b"'", b"\\'")


def _in_sql(written: Encode, value: bytes) -> bytes:
    return sql_escape(written(value))


def forms(needle: bytes) -> list[bytes]:
    """Return the spellings of `needle` to search for, without base64."""
    return list(dict.fromkeys(spell(needle) for spell in spellings()))


def base64_forms(needle: bytes) -> list[bytes]:
    """Return the base64 of `needle` at each of its three alignments."""
    if len(needle) < _SHORTEST_FOR_BASE64:
        return []
    found = []
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + needle)
        # Without the characters that also carry bits of the neighbouring bytes
        found.append(coded[(0, 2, 3)[shift] : len(coded) - (4 if (shift + len(needle)) % 3 else 0)])
    return found


def unsearched(needles: Mapping[str, bytes]) -> dict[str, str]:
    """Return label -> reason of the needles that `search` does not find everywhere."""
    short = [label for label, needle in needles.items() if not base64_forms(needle)]
    return {**dict.fromkeys(short, "in base64: too short"), "files without placeholders": "in base64"}


class Searcher:
    """Finds needles; `needles` maps a label for the operator to the bytes that must not occur."""

    def __init__(self, needles: Mapping[str, bytes]) -> None:
        self._plain = [(label, core, form) for label, one in needles.items() for core, form in _with_cores(one)]
        self._coded = [(label, core, form) for label, one in needles.items() for core, form in _coded(one)]

    def wanted(self, thorough: bool) -> list[Wanted]:
        """Return all texts to search for; `thorough` includes their base64."""
        return [(core, form) for _, core, form in self._needles(thorough)]

    def found_in(self, data: bytes, thorough: bool) -> list[str]:
        """Return the labels of the needles in `data`; `thorough` also searches base64."""
        needles = self._needles(thorough)
        present = {core for core in dict.fromkeys(core for _, core, _ in needles) if core in data}
        return list(dict.fromkeys(label for label, core, form in needles if core in present and form in data))

    def spots(self, data: bytes, thorough: bool) -> Iterator[tuple[str, int, int]]:
        """Yield (label, start, end) of the needles in `data`; of overlapping forms only the first."""
        taken: dict[str, Places] = defaultdict(Places)
        for label, core, form in self._needles(thorough):
            at = data.find(form) if core in data else -1
            while at >= 0:
                end = at + len(form)
                if taken[label].take(at, end):
                    yield label, at, end
                at = data.find(form, end)

    def _needles(self, thorough: bool) -> list[tuple[str, bytes, bytes]]:
        return self._plain + self._coded if thorough else self._plain


def _coded(needle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (core, form) of a needle's base64, also with the escapes of JSON and URLs."""
    for form in base64_forms(needle):
        core = max(re.split(rb"[+/]", form), key=len)
        yield from ((core, spelled) for spelled in escaped_signs.spellings(form))


def _with_cores(needle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (core, form): where the core, which several forms share, is missing, none of them occurs."""
    # The longest part that only hexadecimal changes: long parts are rare and quickly searched for
    longest = max(re.split(rb"[^A-Za-z0-9_.~-]+", needle), key=len)
    for form in forms(needle):
        yield longest if longest in form else form, form


@dataclass(frozen=True)
class Hit:
    """A needle in a member of a bundle (`kind` as in the manifest, or "manifest"); `place` is for people.

    `name` is the path of a file, the key of a fragment or of the manifest, or the member's name.
    """

    place: str
    label: str
    kind: str
    name: str
    is_name: bool = False
    table: str = ""


def search(bundle_path: Path, needles: Mapping[str, bytes], misses: Misses = lambda _digest, _wanted: False) -> None:
    """Raise ShoplaunchError `residue_in_bundle`, naming the places, when the bundle holds one of `needles`.

    `misses` is called for every member with its digest in the bundle; when it returns True the member is skipped.
    """
    places = [f"{hit.place}: {hit.label}" for hit in hits(bundle_path, needles, misses)]
    if places:
        shown = "; ".join(places[:SHOWN_PLACES])
        more = f" and {len(places) - SHOWN_PLACES} more" if len(places) > SHOWN_PLACES else ""
        raise ShoplaunchError("residue_in_bundle", shown + more, places=places)


def hits(bundle_path: Path, needles: Mapping[str, bytes], misses: Misses = lambda _digest, _wanted: False) -> list[Hit]:
    """Return the places where the bundle holds one of `needles`; `misses` as for `search`."""
    searcher = Searcher(needles)
    found: list[Hit] = []
    with open_bundle(bundle_path) as bundle, ThreadPoolExecutor(_AT_ONCE) as threads:
        # The texts for which the agent will search stand in the manifest in hexadecimal, on purpose
        for key, value in bundle.manifest.items():
            if key != "residue":
                labels = searcher.found_in(json.dumps(value).encode(), True)
                found += [Hit(f"manifest.json {key}", label, "manifest", key) for label in labels]
        searched: deque[Future[list[Hit]]] = deque()
        for member, packed in bundle.members():
            if misses(member["sha256"], searcher.wanted(_thorough(member))):
                continue
            # Only members in work are in memory
            if len(searched) == _AT_ONCE:
                found += searched.popleft().result()
            searched.append(threads.submit(_places, member, packed, searcher))
        for one in searched:
            found += one.result()
    return found


def _places(member: Member, packed: bytes, searcher: Searcher) -> list[Hit]:
    wanted = searcher.wanted(_thorough(member))
    if member["kind"] in _LARGE and is_ruled_out(wanted, absent_from(_pieces(packed), wanted)):
        return []
    # Parsed as a whole only to name the places
    contents = _contents(member, zlib.decompress(packed, zlib.MAX_WBITS | 16, member["unpacked"]))
    return [replace(hit, label=label) for hit, data in contents for label in searcher.found_in(data, _thorough(member))]


def _pieces(packed: bytes) -> Iterator[bytes]:
    return (packed[start : start + _PIECE_BYTES] for start in range(0, len(packed), _PIECE_BYTES))


def _thorough(member: Member) -> bool:
    return member["kind"] not in SHARDS or bool(member["placeholders"])


def _contents(member: Member, data: bytes) -> Iterator[tuple[Hit, bytes]]:
    """Yield (hit without its label, bytes) of a member's parts."""
    kind, name = member["kind"], member["name"]
    if kind in SHARDS:
        for path, is_name, content in _files(data):
            yield Hit(f"{path} (name)" if is_name else path, "", kind, path, is_name), content
    elif kind == "data":
        for number, line in enumerate(data.split(b"\n"), 1):
            shown = line[:60].decode("utf-8", "replace").split(" (")[0]
            yield Hit(f"{name} line {number} ({shown})", "", kind, name, table=_table_of(line)), line
    else:
        yield Hit(name, "", kind, name), data
        document = json.loads(data)
        if kind == "fragments":
            for key, value in document.items():
                for part in _coded_strings(value):
                    yield Hit(f"{name} {key}", "", kind, key), part
        else:
            for number, part in enumerate(_coded_strings(document)):
                yield Hit(f"{name} value {number}", "", kind, name), part


def _table_of(line: bytes) -> str:
    named = re.match(rb"INSERT INTO `((?:[^`]|``)+)`", line)
    return named.group(1).replace(b"``", b"`").decode("utf-8", "replace") if named else ""


def _files(data: bytes) -> Iterator[tuple[str, bool, bytes]]:
    """Yield (path, whether the bytes are the name itself, bytes) of a shard's files."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for item in archive:
            yield item.name, True, f"{item.name} {item.linkname}".encode()
            content = archive.extractfile(item) if item.isfile() else None
            if content is not None:
                yield item.name, False, content.read()


def _coded_strings(value: object) -> Iterator[bytes]:
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
