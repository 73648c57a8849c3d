"""Prints the man page of `shoplaunch`, from the command line's own commands and options."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator

import click

from controller.cli import main
from controller.cli.installation.versions import versions

_PAGE = """\
.TH SHOPLAUNCH 1 "{day}" "shoplaunch {version}" "Shoplaunch"
.SH NAME
shoplaunch \\- give every new hosting account a working shop, by itself
.SH SYNOPSIS
.B shoplaunch
.I COMMAND
.RI [ OPTIONS ]
.SH DESCRIPTION
Shoplaunch builds PrestaShop and WooCommerce shops in hosting accounts. Run by root, every command but
.B pack
works as the user whose the state is.
.SH COMMANDS
{commands}
.SH EXIT STATUS
0 ok, 1 failed, 2 wrong usage, 3 partly done.
.SH ENVIRONMENT
Settings that are no list and in no section may be given as variables SHOPLAUNCH_\\fINAME\\fR.
.SH FILES
.TP
.I /etc/shoplaunch/shoplaunch.toml
Settings.
.TP
.I /var/lib/shoplaunch
State: keys, database, bundles, agent.
.TP
.I /var/backups/shoplaunch
Backups of each night, and those made before an upgrade.
.SH SEE ALSO
.I /usr/share/doc/shoplaunch/OPERATING.md.gz
"""


def page() -> str:
    """Return the man page."""
    moment = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", "0")))
    shown = "\n".join(_described(main, "shoplaunch", click.Context(main)))
    return _PAGE.format(day=time.strftime("%Y-%m-%d", moment), version=versions()["version"], commands=shown)


def _described(group: click.Group, path: str, context: click.Context) -> Iterator[str]:
    """Yield the lines about each command below `group`."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _described(command, f"{path} {name}", inner)
            continue
        usage = " ".join([path, name, *command.collect_usage_pieces(inner)])
        yield f".SS {_roff(usage)}"
        yield _roff(command.help or "")
        for parameter in command.params:
            record = parameter.get_help_record(inner)
            if record is not None:
                yield f".TP\n\\fB{_roff(record[0])}\\fR\n{_roff(record[1])}"


def _roff(text: str) -> str:
    """Return `text` as roff: paragraphs apart, nothing in it a request."""
    escaped = text.strip().replace("\\", "\\e").replace("-", "\\-").replace("\b", "")
    lines = [f"\\&{line.strip()}" if line.strip()[:1] in (".", "'") else line.strip() for line in escaped.split("\n")]
    return re.sub(r"\n{2,}", "\n.PP\n", "\n".join(lines))


if __name__ == "__main__":
    print(page(), end="")
