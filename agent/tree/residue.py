"""Looking for traces of the template: the bytes that must occur nowhere in the finished shop."""

from shared.placeholders import ENCODERS

MYPY = False
if MYPY:
    from typing import Iterable, Mapping

    from shared.documents import Manifest

#: What stands around a host or path where only a part of what is searched for is the template's.
_MARKS = b"/\"'@^$?:"
#: Encodings in which a value may stand in a shop so that a trace could still be read in it, and how many at once.
_STEPS = ("php", "symfony", "json", "jsonplain", "url", "html", "regex")
_DEPTH = 2
#: Values that say where this shop is. Others that only are called as the template's host is say nothing of an address.
_PLACES = ("domain", "domain_ssl", "shop.address", "shop.url", "root", "home")


def _encoded(values: "Iterable[bytes]") -> "set[bytes]":
    """Return every form of `values` (set of bytes) after up to _DEPTH encodings."""
    found = last = set(values)
    for _ in range(_DEPTH):
        last = {ENCODERS[step](value) for value in last for step in _STEPS}
        found = found | last
    return found


def _core(needle: bytes) -> bytes:
    """Return what of `needle` (bytes) names the template, without scheme and marks around it."""
    name = needle.rpartition(b"://")[2]
    is_path = name.startswith(b"/") and not name.startswith(b"//")
    return (b"/" if is_path else b"") + name.strip(_MARKS) or needle


class Residue:
    """`needles` are the template's domain and paths (bytes); `values` the job's own values, which may contain them.

    Where a value of this shop holds what a needle names (`shop.example` in `myshop.example`), that value is taken out
    first, in whatever form it stands.
    """

    def __init__(self, manifest: "Manifest", values: "Mapping[str, str]") -> None:
        self.needles = [bytes.fromhex(text) for text in manifest["residue"]]
        self._cores = {_core(needle) for needle in self.needles}
        texts: "set[bytes]" = set()
        for name, value in values.items():
            texts |= self._forms(name, value.encode("utf-8"))
        #: Longest first, so that no value is left half taken out.
        self.masks = self._needed(sorted(texts, key=lambda text: (len(text), text)))[::-1]

    def _forms(self, name: str, value: bytes) -> "set[bytes]":
        """Return the forms of one value in which a trace could be read."""
        forms = {value}
        if name == "domain":
            # With a port the host alone occurs too
            forms.add(value.partition(b":")[0])
        # Nearly always nothing: no value holds a needle
        if not any(map(self._names, forms)):
            return set()
        held = {form for form in _encoded(forms) if self._names(form)}
        return held if name in _PLACES else held - self._cores

    def _needed(self, texts: "Iterable[bytes]") -> "list[bytes]":
        """Return those of `texts`, shortest first, that do not read as harmless once the shorter ones are out."""
        needed: "list[bytes]" = []
        for text in texts:
            rest = text
            for shorter in needed:
                rest = rest.replace(shorter, b"\0")
            if self._names(rest):
                needed.append(text)
        return needed

    def _names(self, data: bytes) -> bool:
        """Tell whether `data` (bytes) holds what a needle names."""
        return any(core in data for core in self._cores)

    def may_be_in(self, data: bytes) -> bool:
        """Tell whether `data` (bytes-like) holds what may be a trace, or only one of this shop's own values."""
        # No generator: this is asked of every file's name
        for needle in self.needles:  # noqa: SIM110
            if needle in data:
                return True
        return False

    def found_in(self, data: bytes) -> bool:
        """Tell whether `data` (bytes) holds a trace of the template."""
        return self.may_be_in(data) and self.may_be_in(self.masked(data))

    def masked(self, data: bytes) -> bytes:
        """Return `data` (bytes) without this shop's own values."""
        for mask in self.masks:
            # Not by nothing: what stood around it must not grow together
            data = data.replace(mask, b"\0")
        return data

    def search(self) -> "Search":
        """Return a Search for content that comes in pieces."""
        return Search(self)

    def condition(self, columns: "Iterable[str]") -> str:
        """Return an SQL condition that is true for rows with a trace in one of `columns` (names)."""
        parts: "list[str]" = []
        for column in columns:
            expression = "CAST(`{}` AS BINARY)".format(column.replace("`", "``"))
            for mask in self.masks:
                expression = "REPLACE({}, x'{}', x'00')".format(expression, mask.hex())
            parts += ["LOCATE(x'{}', {}) > 0".format(needle.hex(), expression) for needle in self.needles]
        return " OR ".join(parts)


class Search:
    """Looks through what is too large to be held: as much of it as the longest trace and value are kept in mind."""

    def __init__(self, residue: "Residue") -> None:
        self._residue = residue
        self._longest = max(map(len, residue.needles + residue.masks), default=1)
        self._kept = b""

    def found_in(self, piece: "bytes | memoryview") -> bool:
        """Tell whether there is a trace up to this `piece` (bytes-like), its end aside: a value may begin there."""
        text = self._residue.masked(self._kept + piece)
        edge = max(0, len(text) - self._longest + 1)
        self._kept = text[edge:]
        return any(0 <= text.find(needle) < edge for needle in self._residue.needles)

    def found_at_the_end(self) -> bool:
        """Tell whether there is a trace in what was kept in mind."""
        return self._residue.may_be_in(self._kept)
