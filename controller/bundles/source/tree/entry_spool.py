"""Stores the entries of a walk in a file, so that a tree of any size takes the same memory."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType

from controller.bundles.source.tree.walk import Entry

#: Entries in memory at a time.
_PART = 1000


class EntrySpool:
    """A context: entries in their original order, readable repeatedly; `bytes` is the size of their files.

    The file is unnamed and lies in `folder`. Raises OSError when there is no room for it, and the errors of the walk.
    """

    def __init__(self, entries: Iterable[Entry], folder: Path) -> None:
        self.bytes = 0
        self._parts = 0
        self._stream = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by the context
        try:
            found = iter(entries)
            while part := list(islice(found, _PART)):
                self.bytes += sum(entry.size for entry in part)
                pickle.dump(part, self._stream)
                self._parts += 1
            self._stream.flush()
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> EntrySpool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[Entry]:
        self._stream.seek(0)
        for _ in range(self._parts):
            yield from pickle.load(self._stream)  # noqa: S301 - written above, and nobody else can
