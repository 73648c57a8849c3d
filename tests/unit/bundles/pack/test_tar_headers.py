"""Headers of entries are tarfile's to the last byte, whichever way they are made."""

import itertools
import stat
import tarfile

import pytest

from controller.bundles.pack.shards import header_of
from controller.bundles.source.tree.walk import Entry, Status

NAMES = ["a", "index.php", "img/قوری.png", "x" * 100, "x" * 101, "ق" * 50, "ق" * 51, "d/" * 90 + "e"]
MODES = [0o644, 0o600, 0o755, 0o700, 0o666, 0o400, 0o4755]


def by_tarfile(name, kind, rights, size, modified, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.size, info.mtime, info.linkname = kind, rights, size, modified, target
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


def status(mode, kind, modified):
    return Status(0, kind | mode, 0, modified * 1_000_000_000, 0)


@pytest.mark.parametrize("mode", MODES)
def test_a_files_header_is_tarfiles(mode):
    public, runs = mode & 0o044, mode & 0o100
    rights = (0o755 if runs else 0o644) if public else (0o700 if runs else 0o600)
    sizes = (0, 1, 511, 8**11 - 1, 8**11, 8**12)
    for name, size, modified in itertools.product(NAMES, sizes, (0, 1_700_000_000, 8**11 - 1, 8**11)):
        path = name.encode()
        made = header_of(Entry(path, "file", status(mode, stat.S_IFREG, modified)), path, size)
        assert made == by_tarfile(name, tarfile.REGTYPE, rights, size, modified)


@pytest.mark.parametrize("name", NAMES)
def test_a_folders_and_a_links_header_are_tarfiles(name):
    path = name.encode()
    folder = header_of(Entry(path, "directory", status(0o755, stat.S_IFDIR, 7)), path, 0)
    assert folder == by_tarfile(name, tarfile.DIRTYPE, 0o755, 0, 7)
    link = header_of(Entry(path, "link", status(0o777, stat.S_IFLNK, 7), b"to"), path, 0, b"to")
    assert link == by_tarfile(name, tarfile.SYMTYPE, 0o777, 0, 7, "to")
