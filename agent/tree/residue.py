"""Searches for residue: bytes of the template that must not occur in the finished shop."""

from shared.placeholders import ENCODERS

MYPY = False
if MYPY:
    from typing import Iterable, Mapping

    from shared.documents import Manifest

#: Characters around the host or path in a needle that are not part of the name.
_MARKS = b"/\"'@^$?:"
#: Encodings that no file holds a value in (that of SQL), or in which no residue would be readable; raw changes nothing.
_NOT_READ = ("raw", "sql", "base64")
#: How many encodings are nested at most.
_DEPTH = 2
#: Values that contain this shop's address. Any other value that equals the template's host says nothing about it.
_PLACES = ("domain", "domain_ssl", "shop.address", "shop.url", "root", "home")


def _encoded(values: "Iterable[bytes]") -> "set[bytes]":
    """Return every form of `values` (set of bytes) after up to _DEPTH encodings."""
    found = last = set(values)
    for _ in range(_DEPTH):
        last = {ENCODERS[step](value) for value in last for step in ENCODERS if step not in _NOT_READ}
        found = found | last
    return found


def _core(needle: bytes) -> bytes:
    """Return the part of `needle` (bytes) that names the template, without scheme and surrounding marks."""
    name = needle.rpartition(b"://")[2]
    is_path = name.startswith(b"/") and not name.startswith(b"//")
    return (b"/" if is_path else b"") + name.strip(_MARKS) or needle


class Residue:
    """`needles` are the template's domain and paths (bytes); `values` the job's own values, which may contain them.

    Where a value of this shop contains a needle's name (`shop.example` in `myshop.example`), that value is removed
    before the search, in each of its encoded forms.
    """

    def __init__(self, manifest: "Manifest", values: "Mapping[str, str]") -> None:
        self.needles = [bytes.fromhex(text) for text in manifest["residue"]]
        self._cores = {_core(needle) for needle in self.needles}
        texts: "set[bytes]" = set()
        for name, value in values.items():
            texts |= self._forms(name, value.encode("utf-8"))
        #: Longest first, so that no value is removed only in part.
        self.masks = self._needed(sorted(texts, key=lambda text: (len(text), text)))[::-1]

    def _forms(self, name: str, value: bytes) -> "set[bytes]":
        """Return the forms of one value that name the template."""
        forms = {value}
        if name == "domain":
            # The host also occurs without its port
            forms.add(value.partition(b":")[0])
        # Almost always empty: no value contains a needle
        if not any(map(self._names, forms)):
            return set()
        held = {form for form in _encoded(forms) if self._names(form)}
        return held if name in _PLACES else held - self._cores

    def _needed(self, texts: "Iterable[bytes]") -> "list[bytes]":
        """Return those of `texts`, shortest first, that still name the template once the shorter ones are removed."""
        needed: "list[bytes]" = []
        for text in texts:
            rest = text
            for shorter in needed:
                rest = rest.replace(shorter, b"\0")
            if self._names(rest):
                needed.append(text)
        return needed

    def _names(self, data: bytes) -> bool:
        """Return whether `data` (bytes) contains the name in a needle."""
        return any(core in data for core in self._cores)

    def may_be_in(self, data: bytes) -> bool:
        """Return whether `data` (bytes-like) contains a needle, which may also be part of this shop's own values."""
        # Not a generator expression: this runs for every file's name
        for needle in self.needles:  # noqa: SIM110
            if needle in data:
                return True
        return False

    def found_in(self, data: bytes) -> bool:
        """Return whether `data` (bytes) contains residue of the template."""
        return self.may_be_in(data) and self.may_be_in(self.masked(data))

    def masked(self, data: bytes) -> bytes:
        """Return `data` (bytes) with this shop's own values replaced."""
        for mask in self.masks:
            # Not removed: the text around it must not join to a needle
            data = data.replace(mask, b"\0")
        return data

    def search(self) -> "Search":
        """Return a Search for content that comes in pieces."""
        return Search(self)

    def condition(self, columns: "Iterable[str]") -> str:
        """Return an SQL condition that is true for rows with residue in one of `columns` (names)."""
        parts: "list[str]" = []
        for column in columns:
            expression = "CAST(`{}` AS BINARY)".format(column.replace("`", "``"))
            for mask in self.masks:
                expression = "REPLACE({}, x'{}', x'00')".format(expression, mask.hex())
            parts += ["LOCATE(x'{}', {}) > 0".format(needle.hex(), expression) for needle in self.needles]
        return " OR ".join(parts)


class Search:
    """Searches content too large for memory: keeps as much of it as the longest needle or value needs."""

    def __init__(self, residue: "Residue") -> None:
        self._residue = residue
        self._longest = max(map(len, residue.needles + residue.masks), default=1)
        self._kept = b""

    def found_in(self, piece: "bytes | memoryview") -> bool:
        """Return whether there is residue up to this `piece` (bytes-like), except its end: a value may begin there."""
        text = self._residue.masked(self._kept + piece)
        edge = max(0, len(text) - self._longest + 1)
        self._kept = text[edge:]
        return any(0 <= text.find(needle) < edge for needle in self._residue.needles)

    def found_at_the_end(self) -> bool:
        """Return whether there is residue in the part kept last."""
        return self._residue.may_be_in(self._kept)
