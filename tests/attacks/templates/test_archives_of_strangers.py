"""Archives in a template, and a dump in an archive, are looked into in bounded memory and with an end."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib

import pytest

from controller.bundles.review import inner_texts
from controller.bundles.source.dumps import dump_file
from controller.recipes.tree import archive_streams, zip_names
from controller.recipes.tree.web_root_content import Content
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.measured import ended

MEGABYTE = 1024 * 1024
#: What each of these becomes when it is unpacked at once, and what may be taken instead.
BOMB = 200 * MEGABYTE
MOST = 100 * MEGABYTE


def zeros(size):
    """Yield `size` bytes of zeros in pieces."""
    for _ in range(size // MEGABYTE):
        yield bytes(MEGABYTE)


def gzip_bomb():
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as stream:
        for piece in zeros(BOMB):
            stream.write(piece)
    return packed.getvalue()


def zip_bomb(method, name="shop.sql"):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive, archive.open(name, "w") as stream:
        for piece in zeros(BOMB):
            stream.write(piece)
    return packed.getvalue()


def many_gzip():
    """Behind the first few nothing is left of what may be unpacked."""
    inner, outer = gzip_bomb(), io.BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        for number in range(6):
            archive.writestr(f"{number}.gz", inner)
    return outer.getvalue()


def sparse_tar():
    """A member of nothing but a hole: a few bytes in the archive."""
    member = tarfile.TarInfo("keys.txt")
    member.type, member.size = tarfile.GNUTYPE_SPARSE, 0
    block = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    block[386:410] = b"%011o\0%011o\0" % (BOMB, 0)
    block[483:495] = b"%011o\0" % BOMB
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return gzip.compress(bytes(block) + bytes(1024))


def long_header_tar(kind):
    """A header that announces a name of hundreds of megabytes."""
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = kind, BOMB
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as stream:
        stream.write(member.tobuf(tarfile.GNU_FORMAT))
        for piece in zeros(BOMB):
            stream.write(piece)
        stream.write(tarfile.TarInfo("shop.sql").tobuf() + bytes(1024))
    return packed.getvalue()


def tar_header(kind, size=0, name="a", extended=False):
    """A header as nobody writes it."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    block = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    if extended:
        block[482] = 1
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def endless_holes(length=BOMB):
    """A member that has ever more holes, in blocks that pack to nothing."""
    more = b"%011o\0%011o\0" % (1, 1) * 21 + b"\1" + bytes(7)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as stream:
        stream.write(tar_header(tarfile.GNUTYPE_SPARSE, extended=True))
        for _ in range(length // MEGABYTE):
            stream.write(more * (MEGABYTE // 512))
    return packed.getvalue()


def endless_list_of_holes():
    """The same in the newer spelling: a list whose length its attributes state."""
    attributes = b"".join(b"%d %b\n" % (len(text) + 4, text) for text in (b"GNU.sparse.major=1", b"GNU.sparse.minor=0"))
    head = (
        tar_header(tarfile.XHDTYPE, len(attributes)) + attributes.ljust(512, b"\0") + tar_header(tarfile.REGTYPE, 512)
    )
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as stream:
        stream.write(head + b"999999999\n")
        for _ in range(BOMB // MEGABYTE):
            stream.write(b"1\n" * (MEGABYTE // 2))
    return packed.getvalue()


def names_upon_names(count=100_000):
    """A name for the name for the name of a member."""
    return gzip.compress((tar_header(tarfile.GNUTYPE_LONGNAME, 512) + b"b" * 512) * count, 1)


def holes_cut_short():
    """A member with more holes, of which nothing follows."""
    return gzip.compress(tar_header(tarfile.GNUTYPE_SPARSE, extended=True))


def attributes_of_all():
    """What each header says of all members that follow, ever longer."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as stream:
        for number in range(2000):
            record = b"100000 " + (b"%d" % number).ljust(99_990, b"k") + b"=1\n"
            stream.write(tar_header(tarfile.XGLTYPE, len(record)) + record.ljust(100_352, b"\0"))
            stream.write(tar_header(tarfile.REGTYPE))
        stream.write(bytes(1024))
    return packed.getvalue()


def led_in_a_circle():
    """A member whose length leads back to its own header, for every Python that takes a length below zero."""
    block = bytearray(tar_header(tarfile.REGTYPE))
    block[124:136] = b"\xff" * 10 + b"\xfe\0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return gzip.compress(tar_header(tarfile.REGTYPE) + bytes(block) + bytes(1024))


def large_dictionary():
    """So much of what was unpacked is to be kept as the archive itself says: 1.5 GB."""
    packed = bytearray(lzma.compress(b"CREATE TABLE t (a int);\n"))
    size = (packed[12] + 1) * 4
    assert packed[14:16] == b"\x21\x01"
    packed[16] = 37
    packed[12 + size - 4 : 12 + size] = zlib.crc32(packed[12 : 12 + size - 4]).to_bytes(4, "little")
    return bytes(packed)


def nested_zip():
    """Each of five hundred members becomes eight megabytes, unless they share what may be unpacked."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", bytes(7 * MEGABYTE))
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(500):
            archive.writestr(f"{number}.zip", inner.getvalue())
    return outer.getvalue()


IN_TREES = {
    "gzip": gzip_bomb,
    "gzip without any room left": many_gzip,
    "zip": lambda: zip_bomb(zipfile.ZIP_DEFLATED),
    "zip of bzip2": lambda: zip_bomb(zipfile.ZIP_BZIP2),
    "zip of lzma": lambda: zip_bomb(zipfile.ZIP_LZMA),
    "a member of tar that is a hole": sparse_tar,
    "holes of a tar that are cut short": holes_cut_short,
    "names upon names in a tar": lambda: names_upon_names(2000),
    "a tar with a list of holes without end": endless_list_of_holes,
    "many archives in one": nested_zip,
}
DUMPS = {
    "zip of bzip2": lambda: zip_bomb(zipfile.ZIP_BZIP2),
    "zip of lzma": lambda: zip_bomb(zipfile.ZIP_LZMA),
    "tar with a name without end": lambda: long_header_tar(tarfile.GNUTYPE_LONGNAME),
    "tar with attributes without end": lambda: long_header_tar(tarfile.XHDTYPE),
    "tar with a list of holes without end": endless_holes,
    "tar with a longer list of holes than it has": endless_list_of_holes,
    "tar with names upon names": names_upon_names,
    "tar with holes that are cut short": holes_cut_short,
    "xz with a dictionary of its own choice": large_dictionary,
}


@pytest.mark.sampled(of=2)
@attack("A template holds an archive that becomes gigabytes when it is looked into, in whatever form",
        "no more than a few megabytes of it are unpacked")  # fmt: skip
@pytest.mark.parametrize("case", IN_TREES)
def test_an_archive_in_a_template_is_looked_into_in_bounded_memory(case):
    content = IN_TREES[case]()
    total, memory = ended(lambda: sum(len(text) for _, text in inner_texts.inner_texts(content)))
    assert total <= inner_texts.MOST_IN_ALL
    assert memory <= MOST


LYING = 1 << 40


def lying_header_tar(pack=bytes):
    """A header alone: it announces a name of a terabyte."""
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, LYING
    return pack(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))


NEAR_TREES = {
    "old/x.tar": lying_header_tar,
    "old/x.tgz": lambda: lying_header_tar(gzip.compress),
    "old/x.tar.xz": lambda: lying_header_tar(lzma.compress),
    "old/y.tgz": lambda: long_header_tar(tarfile.GNUTYPE_LONGNAME),
    "old/z.tar.xz": large_dictionary,
    "old/holes.tgz": endless_holes,
    "old/list.tgz": endless_list_of_holes,
    "old/names.tgz": names_upon_names,
    "old/cut.tgz": holes_cut_short,
    "old/all.tgz": attributes_of_all,
    "old/circle.tgz": led_in_a_circle,
}


@attack("A template holds an archive whose first header announces a name larger than any memory",
        "it is no archive of a site: nothing of that size is ever asked for")  # fmt: skip
@pytest.mark.parametrize("name", NEAR_TREES)
def test_an_archive_is_judged_by_its_members_in_bounded_memory(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir()
    path.write_bytes(NEAR_TREES[name]())
    content = Content(tmp_path, frozenset())

    def judged():
        return content.is_site_archive(name.encode()), content.holds_core_tables(name.encode())

    found, memory = ended(judged)
    assert found == (False, False)
    assert memory <= MOST


@pytest.mark.sampled(of=2)
@attack("A dump comes in an archive that becomes gigabytes at the first look, or names its own need of memory",
        "it is refused, or read piece by piece")  # fmt: skip
@pytest.mark.parametrize("case", DUMPS)
def test_a_dump_in_an_archive_is_read_in_bounded_memory(tmp_path, case):
    path = tmp_path / "dump"
    path.write_bytes(DUMPS[case]())

    problem, memory = ended(lambda: sum(len(piece) for piece in dump_file.pieces(path)))
    assert isinstance(problem, ShoplaunchError)
    assert problem.code == "dump_unreadable"
    assert memory <= MOST


@attack("A dump comes in an archive of so many files that their names alone fill the memory",
        "their number is bounded, and they are not kept")  # fmt: skip
def test_an_archive_of_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_streams, "MOST_MEMBERS", 3000)
    path = tmp_path / "dump"
    path.write_bytes(gzip.compress(tarfile.TarInfo("a").tobuf() * 3001))
    problem, _ = ended(lambda: sum(len(piece) for piece in dump_file.pieces(path)))
    assert problem.code == "dump_unreadable"
    assert "more than 3000 files" in problem.message
    path.write_bytes(gzip.compress(tarfile.TarInfo("a").tobuf() * 2000 + bytes(1024)))
    problem, _ = ended(lambda: sum(len(piece) for piece in dump_file.pieces(path)))
    assert "200 dumps" in problem.message


def changed_zip(place, value, name="dump.sql"):
    """An archive with a dump, and `value` at this byte of its entry in the directory."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as new:
        new.writestr(name, b"CREATE TABLE t (a int);")
    content = bytearray(stream.getvalue())
    content[content.index(b"PK\x01\x02") + place] = value
    return bytes(content)


ODD_ZIPS = {
    "a later version": changed_zip(6, 64),
    "a patch": changed_zip(8, 0x20),
    "strong encryption": changed_zip(8, 0x40),
    "a name that is no text": changed_zip(46, 0xFF, "\u00e9.sql"),
}


@attack("A dump comes in an archive that asks for what no reader has, or whose names are no text",
        "it is refused as damaged")  # fmt: skip
@pytest.mark.parametrize("case", ODD_ZIPS)
def test_an_archive_nobody_can_read_is_refused(tmp_path, case):
    path = tmp_path / "dump"
    path.write_bytes(ODD_ZIPS[case])
    problem, _ = ended(lambda: sum(len(piece) for piece in dump_file.pieces(path)))
    assert (problem.code, "the compressed dump is damaged" in problem.message) == ("dump_unreadable", True)


def zip_of_names(count, last="z.sql", entry_64=False, before=b""):
    """An archive that is nothing but a directory: `count` names, and one more."""
    entry = b"PK\x01\x02" + bytes(24) + b"%b" + bytes(12)
    listed = (entry % b"\x01\0\0\0\0\0" + b"a") * count
    listed += entry % struct.pack("<3H", len(last), 0, 0) + last.encode()
    if entry_64:
        end = b"PK\x06\x06" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, count + 1, count + 1, len(listed), 4)
        end += b"PK\x06\x07" + struct.pack("<LQL", 0, 4 + len(listed), 1)
        end += b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    else:
        numbers = (min(count + 1, 0xFFFF),) * 2
        end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, *numbers, len(listed), 4, 0)
    return before + b"PK\x03\x04" + listed + end


#: As many names of one letter as a directory of 19 MB has.
MANY_NAMES = 400_000


@pytest.mark.sampled(of=2)
@attack("A template's archive, or a dump's, has a directory of so many files that reading it takes ten times its size",
        "names are read one by one; the rest of the archive is not opened at all")  # fmt: skip
@pytest.mark.parametrize("entry_64", [False, True])
def test_a_directory_of_very_many_files_takes_no_memory(tmp_path, entry_64):
    content = zip_of_names(MANY_NAMES, entry_64=entry_64)
    path = tmp_path / "old" / "x.zip"
    path.parent.mkdir()
    path.write_bytes(content)
    looked_at, memory = ended(lambda: list(inner_texts.inner_texts(content)))
    assert looked_at == []
    assert memory <= MOST
    found, memory = ended(lambda: Content(tmp_path, frozenset()).is_site_archive(b"old/x.zip"))
    assert found is True
    assert memory <= MEGABYTE
    problem, memory = ended(lambda: sum(len(piece) for piece in dump_file.pieces(path)))
    assert problem.code == "dump_unreadable"
    assert memory <= MOST


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("entry_64", [False, True])
@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\n"])
def test_an_archive_of_a_site_is_known_by_the_last_of_its_names(tmp_path, entry_64, before):
    for name, is_site in (("shop/wp-config.php", True), ("shop/readme.txt", False)):
        (tmp_path / "x.zip").write_bytes(zip_of_names(300_000, name, entry_64, before))
        assert Content(tmp_path, frozenset()).is_site_archive(b"x.zip") is is_site


def test_names_are_those_that_zipfile_gives(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = b"of a shop"
        for name in ("a.txt", "فروشگاه/b.txt", "c/" + "d" * 300):
            archive.writestr(name, name)
        expected = archive.namelist()
    with path.open("rb") as stream:
        assert list(zip_names.names(stream)) == expected
    path.write_bytes(path.read_bytes()[:-40])
    with path.open("rb") as stream, pytest.raises(zipfile.BadZipFile):
        list(zip_names.names(stream))


def test_dumps_in_the_usual_archives_are_read(tmp_path):
    text = b"CREATE TABLE t (a int);\n" * 100_000
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        member = tarfile.TarInfo("shop.sql")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("shop.sql", text)
    for packed in (lzma.compress(text, preset=9), bz2.compress(text), gzip.compress(text), tar.getvalue(),
                   zipped.getvalue(), lzma.compress(text) + lzma.compress(text[:24])):  # fmt: skip
        path = tmp_path / "dump"
        path.write_bytes(packed)
        assert b"".join(dump_file.pieces(path))[: len(text)] == text
