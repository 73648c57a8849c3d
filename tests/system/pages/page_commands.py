"""The commands that the pages for people show: in their blocks, in order, and in their sentences."""

import re
import subprocess
from dataclasses import dataclass

from controller.cli import main
from tests.pages import PAGES as MADE
from tests.pages import PROJECT
from tests.support.users.command_tree import commands_of

#: What a command line of a page may begin with, besides the commands of `shoplaunch` themselves.
PROGRAMS = (
    "shoplaunch", "make", "python", "python3", "packaging/bootstrap.sh", "export", "$EDITOR", "mkdir", "cp", "npm",
    "tar", "systemctl", "apt", "a2enmod", "a2dismod", "sh", "chown", "dpkg", "install", "journalctl", "pip", "podman",
    "podman-compose", "closed", "rsync", "ssh", "mariadb", "mariadb-dump",
)  # fmt: skip
_VARIABLE = re.compile(r"[A-Z_]+=")
_BLOCK = re.compile(r"^```\n(.*?)^```", re.S | re.M)


@dataclass(frozen=True)
class Written:
    """`text` of a command, as it stands on `page`."""

    page: str
    text: str


def pages():
    """Return the paths of the pages that people write; the changelog shows commands as they were."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True)
    return [page for page in listed.stdout.split() if page not in MADE and page != "CHANGELOG.md"]


def blocks_of(page):
    """Return the blocks of a page, each as its lines; continued lines are joined, what follows `#` is taken away."""
    text = (PROJECT / page).read_text("utf-8")
    return [_lines(block) for block in _BLOCK.findall(text)]


def _lines(block):
    lines = (line.rstrip() for line in re.sub(r"\\\n\s*", "", _uncommented(block)).splitlines())
    return [line for line in lines if line.strip()]


def _uncommented(block):
    return re.sub(r"(^|[ \t])[ \t]*# [^\n]*$|(^|[ \t])[ \t]*#$", "", block, flags=re.M)


def is_of_commands(block):
    """Return whether the block shows commands, not a picture, settings or folders."""
    return _begins_with_a_program(block[0])


def _begins_with_a_program(text):
    words = [word for word in text.split() if not _VARIABLE.match(word)]
    return bool(words) and words[0] in PROGRAMS


def in_blocks():
    """Return every command that stands in a block, page by page, in order."""
    blocks = ((page, block) for page in pages() for block in blocks_of(page))
    return [Written(page, plain(line)) for page, block in blocks if is_of_commands(block) for line in block]


def in_sentences():
    """Return every command that stands in a sentence or table: with something behind its name."""
    found = []
    for page in pages():
        text = _BLOCK.sub("", (PROJECT / page).read_text("utf-8"))
        spans = (plain(span.replace("\\|", "|")) for span in re.findall(r"`([^`]+)`", text))
        found += [Written(page, span) for span in spans if _is_command(span)]
    return found


def _is_command(text):
    words = text.split()
    if len(words) < 2:
        return False
    return _begins_with_a_program(text) or (words[0] in commands_of(main) and not words[1].startswith("="))


def plain(text):
    """Return the text with one blank between words."""
    return " ".join(text.split())
