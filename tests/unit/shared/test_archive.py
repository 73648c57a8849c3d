"""A bundle's directory is what Python's own reader makes of it, in small and in large archives; else it is refused."""

import io
import struct
import zipfile
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.archive import directory
from shared.errors import ShoplaunchError

NAMES = st.text("abcdef0123456789./_-", min_size=1, max_size=40).filter(
    lambda name: all(part not in ("", ".", "..") for part in name.split("/"))
)


@contextmanager
def large_from(size, count):
    """Within this, zipfile writes as it does for large archives where there are `count` members or `size` bytes."""
    before = zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT
    zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = size, count
    try:
        yield
    finally:
        zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = before


def archive(members):
    """Return a ZIP (bytes) of `members`, name -> content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return buffer.getvalue()


def places(data):
    """Return name -> (start, size) as zipfile reads them."""
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        return {info.filename: (info.header_offset, info.file_size) for info in opened.infolist()}


def ours(data):
    return {name: (entry.start, entry.size) for name, entry in directory(io.BytesIO(data)).items()}


@given(
    st.dictionaries(NAMES, st.binary(max_size=300), max_size=12), st.sampled_from([(1 << 31, 65535), (0, 0), (100, 3)])
)
@settings(max_examples=200, deadline=None)
def test_what_zipfile_writes_is_read_as_zipfile_reads_it(members, limits):
    with large_from(*limits):
        data = archive(members)
    assert ours(data) == places(data)


def test_the_most_members_a_directory_has_room_for_are_read_and_more_are_refused():
    data = archive({f"m{number:05}": b"" for number in range(70_000)})
    assert ours(data) == places(data) and len(ours(data)) == 70_000
    with pytest.raises(ShoplaunchError, match="claims a directory"):
        directory(io.BytesIO(archive({f"{number:05}{'n' * 60}": b"" for number in range(70_000)})))


def altered(data, at, form, value):
    return data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"x",
        lambda data: data[:-1],
        lambda data: b"x" + data,
        lambda data: b"",
        lambda data: data[:-22] + b"PK" + data[-22:],
        lambda data: altered(data, len(data) - 2, "<H", 1) + b"x",
        lambda data: altered(data, len(data) - 12, "<H", 3),
        lambda data: altered(data, len(data) - 14, "<H", 1),
        lambda data: altered(data, len(data) - 10, "<L", 5),
        lambda data: altered(data, len(data) - 6, "<L", 7),
    ],
    ids=["more", "less", "shifted", "none", "between", "comment", "members", "members-here", "size", "start"],
)
@pytest.mark.parametrize("limits", [(1 << 31, 65535), (0, 0)], ids=["small", "large"])
def test_an_end_that_does_not_fit_is_refused(change, limits):
    with large_from(*limits):
        data = change(archive({"a": b"one", "b": b"two"}))
    with pytest.raises(ShoplaunchError, match="bundle_damaged"):
        directory(io.BytesIO(data))


def test_a_member_that_would_lie_in_the_directory_is_refused():
    data = archive({"a": b"one", "b": b"two"})
    at = data.rindex(b"PK\1\2")
    for form, offset, value in (("<L", 42, len(data) - 60), ("<L", 42, 1 << 31)):
        with pytest.raises(ShoplaunchError, match="bundle_damaged"):
            directory(io.BytesIO(altered(data, at + offset, form, value)))


def test_members_that_lie_over_one_another_are_refused():
    data = archive(dict.fromkeys("abcd", b"x" * 500))
    first = data.index(b"PK\1\2")
    for number in range(4):
        at = first + number * (46 + 1)
        for offset in (20, 24):
            data = altered(data, at + offset, "<L", 1000)
        data = altered(data, at + 42, "<L", 0)
    with pytest.raises(ShoplaunchError, match="over one another"):
        directory(io.BytesIO(data))


def test_a_number_that_stands_elsewhere_but_is_not_there_is_refused():
    data = archive({"a": b"one"})
    at = data.index(b"PK\1\2")
    with pytest.raises(ShoplaunchError, match="bundle_damaged"):
        directory(io.BytesIO(altered(data, at + 42, "<L", 0xFFFFFFFF)))
