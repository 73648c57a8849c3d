"""Looking for traces of the template: the bytes that must occur nowhere in the finished shop."""

from urllib.parse import quote


def _forms(name, value):
    """Return `value` (str) as bytes in the forms in which it may stand in a shop."""
    forms = {value, value.replace("/", "\\/"), quote(value, safe="")}
    if name == "domain":
        # With a port the host alone occurs too
        forms.add(value.partition(":")[0])
    return {form.encode("utf-8") for form in forms}


class Residue:
    """`needles` are the template's domain and paths (bytes); `values` the job's own values, which may contain them.

    Where a value of this shop holds a needle (`shop.example` in `myshop.example`), that value is taken out first.
    """

    def __init__(self, manifest, values):
        self.needles = [bytes.fromhex(text) for text in manifest["residue"]]
        texts = {form for name, value in values.items() for form in _forms(name, value)}
        #: Longest first, so that no value is left half taken out.
        self.masks = sorted((text for text in texts if self.may_be_in(text)), key=len, reverse=True)

    def may_be_in(self, data):
        """Tell whether `data` (bytes-like) holds what may be a trace, or only one of this shop's own values."""
        # No generator: this is asked of every file's name
        for needle in self.needles:  # noqa: SIM110
            if needle in data:
                return True
        return False

    def found_in(self, data):
        """Tell whether `data` (bytes) holds a trace of the template."""
        return self.may_be_in(data) and self.may_be_in(self.masked(data))

    def masked(self, data):
        """Return `data` (bytes) without this shop's own values."""
        for mask in self.masks:
            # Not by nothing: what stood around it must not grow together
            data = data.replace(mask, b"\0")
        return data

    def search(self):
        """Return a Search for content that comes in pieces."""
        return Search(self)

    def condition(self, columns):
        """Return an SQL condition that is true for rows with a trace in one of `columns` (names)."""
        parts = []
        for column in columns:
            expression = "CAST(`{}` AS BINARY)".format(column.replace("`", "``"))
            for mask in self.masks:
                expression = "REPLACE({}, x'{}', x'00')".format(expression, mask.hex())
            parts += ["LOCATE(x'{}', {}) > 0".format(needle.hex(), expression) for needle in self.needles]
        return " OR ".join(parts)


class Search:
    """Looks through what is too large to be held: as much of it as the longest trace and value are kept in mind."""

    def __init__(self, residue):
        self._residue = residue
        self._longest = max(map(len, residue.needles + residue.masks), default=1)
        self._kept = b""

    def found_in(self, piece):
        """Tell whether there is a trace up to this `piece` (bytes-like), its end aside: a value may begin there."""
        text = self._residue.masked(self._kept + piece)
        edge = max(0, len(text) - self._longest + 1)
        self._kept = text[edge:]
        return any(0 <= text.find(needle) < edge for needle in self._residue.needles)

    def found_at_the_end(self):
        """Tell whether there is a trace in what was kept in mind."""
        return self._residue.may_be_in(self._kept)
