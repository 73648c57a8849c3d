"""Opens folders below a root one by one, never through a link: a user who changes the tree cannot lead us out of it."""

from __future__ import annotations

import os
from itertools import takewhile

#: To reach the entries of a folder, even without permission to list it.
THROUGH = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
#: To list a folder.
LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class OpenFolders:
    """The folders below `root` (path); those of the last requested path stay open. Raises OSError."""

    def __init__(self, root: bytes) -> None:
        self.root = os.open(root, THROUGH)
        self._open: list[tuple[bytes, int]] = []

    def at(self, path: bytes) -> int:
        """Return a descriptor of the folder `path`, valid until another is requested. Raises OSError."""
        names = path.split(b"/") if path else []
        self._keep(sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1][0], zip(names, self._open, strict=False))))
        for name in names[len(self._open) :]:
            self._open.append((name, os.open(name, THROUGH | os.O_NOFOLLOW, dir_fd=self._last())))
        return self._last()

    def forget(self) -> None:
        """Close all: every folder is opened by its name again."""
        self._keep(0)

    def close(self) -> None:
        """Close every open folder."""
        self.forget()
        os.close(self.root)

    def _last(self) -> int:
        return self._open[-1][1] if self._open else self.root

    def _keep(self, count: int) -> None:
        while len(self._open) > count:
            os.close(self._open.pop()[1])
