"""Reading PHP's serialize() format byte by byte, as unserialize() does: wrong lengths are no array."""


class NotSerialized(Exception):
    """The bytes are not what PHP's serialize() writes."""


def unserialize(data):
    """Return the map of texts that `data` holds. Raises NotSerialized."""
    reader = _Reader(data)
    found = reader.array()
    if reader.at != len(data):
        raise NotSerialized("something follows the array")
    return found


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, expected):
        if self.data[self.at : self.at + len(expected)] != expected:
            raise NotSerialized(f"no {expected!r} at {self.at}")
        self.at += len(expected)

    def number(self):
        end = self.data.find(b":", self.at)
        digits = self.data[self.at : end]
        if end < 0 or not digits.isdigit():
            raise NotSerialized(f"no number at {self.at}")
        self.at = end + 1
        return int(digits)

    def array(self):
        self.take(b"a:")
        size = self.number()
        self.take(b"{")
        found = {self.text(): self.text() for _ in range(size)}
        self.take(b"}")
        if len(found) != size:
            raise NotSerialized("a key twice")
        return found

    def text(self):
        self.take(b"s:")
        size = self.number()
        self.take(b'"')
        value = self.data[self.at : self.at + size]
        if len(value) != size:
            raise NotSerialized("the text is shorter than its length")
        self.at += size
        self.take(b'";')
        return value.decode("utf-8")
