"""The types of options and arguments that name a file which has to be there."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO

import click

from controller.cli.terminal.output import as_failure
from shared.errors import advice


class GivenFile(click.Path):
    """A file that is there and can be read; of one that is closed to this process's user it says so, and what helps.

    click's own type says of a file in a closed folder that it does not exist.
    """

    def __init__(self, path_type: type[str] | type[Path] = str) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=path_type)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Return `value` as click does; wrong usage where it is no file that can be read."""
        if _is_closed(value):
            self.fail(_refusal(value), param, ctx)
        return super().convert(value, param, ctx)


class GivenText(click.File):
    """A text in UTF-8, opened, of a file or of standard input (-); of a closed file it says what GivenFile says."""

    def __init__(self, errors: str = "strict") -> None:
        # Editors of some systems begin a file with a mark that is no part of its text
        super().__init__("r", encoding="utf-8-sig", errors=errors)

    def convert(
        self, value: str | os.PathLike[str] | IO[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> IO[str]:
        """Return the open text; wrong usage where it is no file that can be read."""
        if isinstance(value, str | os.PathLike) and str(value) != "-" and _is_closed(value):
            self.fail(_refusal(value), param, ctx)
        return super().convert(value, param, ctx)


def _refusal(value: str | os.PathLike[str]) -> str:
    failure = as_failure(PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(value)))
    return f"{failure.message}. {advice(failure.code)}"


def _is_closed(value: str | os.PathLike[str]) -> bool:
    try:
        Path(value).stat()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return not os.access(value, os.R_OK)
