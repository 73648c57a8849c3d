"""Members wait in files of their own while several processes add them, and can be seen only when they are whole."""

import threading

import pytest

from controller.bundles.pack.writer import BundleWriter
from shared.encoding import sha256_hex


@pytest.fixture
def writer(tmp_path):
    with BundleWriter(tmp_path / "x.bundle") as one:
        yield one


def test_members_added_by_two_threads_at_once_do_not_take_one_anothers_place(writer):
    both = threading.Barrier(2)

    def add(letter):
        for number in range(50):
            both.wait(60)
            writer.add("files", letter * 1000 * number, False, 0)

    threads = [threading.Thread(target=add, args=(letter,)) for letter in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({member.path for member in writer.members}) == 100
    assert all(sha256_hex(writer.read(member)) == member.sha256 for member in writer.members)


def test_only_whole_members_of_a_part_have_arrived(writer):
    part = writer.part("files")
    assert writer.arrived("files") == []
    first, second = part.add("files", b"one", False, 0), part.add("files", b"two", False, 0)
    writer.add("data", b"three", False, 0)
    (writer.spool / "files-000002.unfinished").write_bytes(b"fou")
    assert writer.arrived("files") == [first.path, second.path]
