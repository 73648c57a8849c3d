"""A page opens by the one spelling of its path: whatever is in front may keep some paths to itself, by their text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Environment = dict[str, Any]
Application = Callable[[Environment, Callable[..., Any]], Iterable[bytes]]


def plain_paths(application: Application) -> Application:
    """Return `application` without what is asked for by `//admin`, `/%61dmin`, `/admin%2Fjobs` or `http://x/admin`.

    A server in front that closes /admin or /metrics, and looks at the path as it was sent, would let these through.
    """

    def serve(environment: Environment, start: Callable[..., object]) -> Iterable[bytes]:
        if not _is_plain(environment.get("RAW_URI", ""), environment.get("PATH_INFO", "")):
            start("404 Not Found", [("Content-Length", "0")])
            return []
        return application(environment, start)

    return serve


def _is_plain(target: str, path: str) -> bool:
    """Return whether `target`, as it was sent, names the decoded `path` by its own folders, the first in plain letters.

    Names further on may hold any character, and so be encoded.
    """
    sent, read = target.partition("?")[0].split("/"), path.split("/")
    return path == "/" or (len(sent) == len(read) and sent[:2] == read[:2] and not path.startswith("//"))
