"""A bundle's directory is what Python's own reader makes of it, in small and in large archives; else it is refused."""

import io
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.bundles.residue.bundle_reader import open_bundle
from shared.archive import directory
from shared.errors import ShoplaunchError
from tests.support.shops.hostile_bundles import large_from
from tests.support.worlds.agent_box import sample_members, small_manifest, write_bundle

NAMES = st.text("abcdef0123456789./_-", min_size=1, max_size=40).filter(
    lambda name: all(part not in ("", ".", "..") for part in name.split("/"))
)


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


@pytest.mark.sampled(of=2, rests=True)
def test_the_most_members_a_directory_has_room_for_are_read_and_more_are_refused():
    data = archive({f"m{number:05}": b"" for number in range(70_000)})
    assert ours(data) == places(data) and len(ours(data)) == 70_000
    with pytest.raises(ShoplaunchError, match="claims a directory"):
        directory(io.BytesIO(archive({f"{number:05}{'n' * 60}": b"" for number in range(70_000)})))


#: Parts of a ZIP: their fields in their order, and how these are written (APPNOTE 6.3, 4.3.12 to 4.3.16).
PARTS = {
    "member": ("mark made needed flags method time date crc packed size name extra comment part inner outer start",
               "<4s6H3L5H2L"),
    "large": ("mark length made needed part first here count size start", "<4sQ2H2L4Q"),
    "locator": ("mark part at parts", "<4sLQL"),
    "end": ("mark part first here count size start comment", "<4s4H2LH"),
}  # fmt: skip
MARKS = {"member": b"PK\1\2", "large": b"PK\6\6", "locator": b"PK\6\7", "end": b"PK\5\6"}


def part_of(kind, changes, **values):
    """Return the bytes of one part; `changes` names fields as in `end.comment`."""
    fields, form = PARTS[kind]
    known = {"mark": MARKS[kind], **values}
    return struct.pack(form, *(changes.get(f"{kind}.{name}", known.get(name, 0)) for name in fields.split()))


def built(changes, large=False, name=b"b", extra=b"", gap=b"", count=2):
    """Return a ZIP of two members, the last of which has `name`, `extra` and the `changes` of a member; `gap` lies
    between the larger record of the end and what tells where that is."""
    bodies = struct.pack("<4s5H3L2H", b"PK\3\4", 20, *[0] * 4, 0, 3, 3, 1, 0) + b"aone"
    second = len(bodies)
    bodies += struct.pack("<4s5H3L2H", b"PK\3\4", 20, *[0] * 4, 0, 3, 3, len(name), 0) + name + b"two"
    listed = part_of("member", {}, packed=3, size=3, name=1) + b"a"
    more = {"packed": 3, "size": 3, "name": len(name), "extra": len(extra), "start": second}
    listed += part_of("member", changes, **more) + name + extra
    place = {"here": count, "count": count, "size": len(listed), "start": len(bodies)}
    data = bodies + listed
    if large:
        at = len(data)
        data += (
            part_of("large", changes, length=44, made=45, needed=45, **place)
            + gap
            + part_of("locator", changes, at=at, parts=1)
        )
    return data + part_of("end", changes, **place)


def refused(data):
    with pytest.raises(ShoplaunchError, match="bundle_damaged") as caught:
        directory(io.BytesIO(data))
    return caught.value.message


@pytest.mark.parametrize("large", [False, True])
def test_what_is_built_here_is_right_before_it_is_changed(large):
    data = built({}, large)
    assert ours(data) == places(data) == {"a": (0, 3), "b": (34, 3)}


@pytest.mark.parametrize("name", ["mark", "part", "first", "here", "comment"])
@pytest.mark.parametrize("large", [False, True])
def test_an_end_of_another_service_is_refused(name, large):
    value = b"PK\5\7" if name == "mark" else 1
    assert "does not end as the packer writes it" in refused(built({f"end.{name}": value}, large))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"end.size": 5}, "does not lie before its end"),
        ({"end.start": 7}, "does not lie before its end"),
        ({"end.count": 3, "end.here": 3}, "is cut short"),
        ({"end.count": 1, "end.here": 1}, "does not end where it should"),
    ],
    ids=str,
)
def test_an_end_that_does_not_fit_is_refused(changes, why):
    assert why in refused(built(changes))
    assert "two ends differ" in refused(built(changes, True))


@pytest.mark.parametrize("large", [False, True])
def test_nothing_may_lie_before_or_behind(large):
    data = built({}, large)
    for changed in (b"x" + data, data + b"x", data[:-1], b""):
        refused(changed)


def test_nothing_may_lie_between_the_directory_and_its_end():
    data = built({})
    assert "does not lie before its end" in refused(data[:-22] + b"PK" + data[-22:])
    data = built({"locator.at": len(data) - 22 + 2}, True)
    assert "does not lie before its end" in refused(data[:-98] + b"PK" + data[-98:])
    assert "where it should be" in refused(built({}, True, gap=b"x"))


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"locator.part": 1}, "where it should be"), ({"locator.parts": 2}, "where it should be"),
     ({"locator.at": 2**63}, "where it should be"), ({"locator.at": 2**64 - 1}, "where it should be"),
     ({"locator.at": 0}, "where it should be"), ({"large.mark": b"PK\6\5"}, "ZIP64 end is not as"),
     ({"large.part": 1}, "ZIP64 end is not as"), ({"large.first": 1}, "ZIP64 end is not as"),
     ({"large.here": 1}, "ZIP64 end is not as"), ({"large.start": 2**63, "end.start": 2**32 - 1}, "before its end"),
     ({"large.size": 2**64 - 1, "end.size": 2**32 - 1}, "before its end")],
    ids=str,
)  # fmt: skip
def test_the_end_of_a_large_archive_that_does_not_fit_is_refused(changes, why):
    assert why in refused(built(changes, True))


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"member.mark": b"PK\1\3"}, "does not write"), ({"member.comment": 1}, "does not write"),
     ({"member.part": 1}, "does not write"), ({"member.method": 8}, "stored plainly"),
     ({"member.flags": 1}, "stored plainly"), ({"member.packed": 2}, "stored plainly"),
     ({"member.size": 4}, "stored plainly"), ({"member.name": 2}, "end where it should"),
     ({"member.start": 2**31}, "outside of the members"), ({"member.start": 35}, "outside of the members"),
     ({"member.start": 2**32 - 1}, "extra field"), ({"member.size": 2**32 - 1}, "extra field"),
     ({"member.extra": 4}, "end where it should")],
    ids=str,
)  # fmt: skip
def test_a_member_that_does_not_fit_is_refused(changes, why):
    assert why in refused(built(changes))


def field(*numbers, kind=1, size=None):
    body = struct.pack(f"<{len(numbers)}Q", *numbers)
    return struct.pack("<2H", kind, len(body) if size is None else size) + body


AWAY = {"member.start": 2**32 - 1}


def test_a_larger_number_is_taken_from_the_extra_field():
    assert ours(built(AWAY, extra=field(34))) == {"a": (0, 3), "b": (34, 3)}
    both = {**AWAY, "member.size": 2**32 - 1, "member.packed": 2**32 - 1}
    assert ours(built(both, extra=field(3, 3, 34))) == {"a": (0, 3), "b": (34, 3)}


@pytest.mark.parametrize(
    ("changes", "extra"),
    [(AWAY, field()), (AWAY, field(34)[:-1]), (AWAY, field(34) + b"x"), (AWAY, field(34, 34)),
     (AWAY, field(34, kind=2)), (AWAY, field(34, size=9)), (AWAY, field(34) + field(1, kind=2)), ({}, field(34)),
     ({}, field()), ({}, b"x"), ({}, field(1, kind=0x7075))],
    ids=str,
)  # fmt: skip
def test_an_extra_field_that_no_number_needs_or_that_lacks_one_is_refused(changes, extra):
    assert "extra field" in refused(built(changes, extra=extra))


def test_a_name_no_bundle_has_is_refused():
    assert "a name in it" in refused(built({}, name="é".encode()))
    for name in (b"", b"..", b"/x"):
        with pytest.raises(ShoplaunchError, match="unsafe_path"):
            directory(io.BytesIO(built({}, name=name)))


def test_members_that_lie_over_one_another_are_refused():
    assert "is there twice" in refused(built({}, name=b"a"))
    long = archive(dict.fromkeys("abcd", b"x" * 500))
    for at in [place for place in range(len(long)) if long[place : place + 4] == b"PK\1\2"]:
        fields = {20: 1000, 24: 1000, 42: 0}
        for offset, value in fields.items():
            long = long[: at + offset] + struct.pack("<L", value) + long[at + offset + 4 :]
    assert "over one another" in refused(long)


def test_a_file_that_becomes_shorter_while_it_is_read_is_refused():
    class Shrinking(io.BytesIO):
        def read(self, size=-1):
            return super().read(size)[:-1]

    with pytest.raises(ShoplaunchError, match="became shorter"):
        directory(Shrinking(built({})))


def test_what_can_be_read_in_two_ways_is_refused_by_the_controller(tmp_path):
    """Where the standard library takes a name from an extra field (Info-ZIP's 0x7075), or any other way it finds."""
    path, members = tmp_path / "shop.bundle", sample_members()
    write_bundle(path, members, small_manifest(members))
    with open_bundle(path) as opened:
        assert opened.manifest["members"]
    real = zipfile.ZipFile.infolist

    def renamed(archive):
        found = real(archive)
        found[0].filename = found[1].filename
        return found

    with pytest.MonkeyPatch.context() as patch, pytest.raises(ShoplaunchError, match="in two ways"):
        patch.setattr(zipfile.ZipFile, "infolist", renamed)
        with open_bundle(path):
            pass
