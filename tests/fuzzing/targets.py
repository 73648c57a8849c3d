"""What is fuzzed: each target takes bytes and may raise ShoplaunchError, nothing else; `seeds` are where it begins."""

import contextlib
import io
import json
import os
import re
import shutil
import tempfile
import types
import zlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask

from agent.bundle import reader, source, tar
from agent.bundle.inflate import gunzip, gunzip_large
from agent.bundle.shards import unpacked
from agent.reporting.http import check_address
from agent.session import follow_up_job, job_file
from agent.stages import unpack
from agent.tree.residue import Residue
from agent.tree.writer import TreeWriter
from controller.bundles.residue import bundle_reader
from controller.bundles.rewrite.placeholder_names import Names
from controller.bundles.source.dumps import dump
from controller.bundles.source.dumps.splitter import split
from controller.jobs.agent_link import panel_reading, panel_reports, reports
from controller.jobs.intake import orders
from controller.recipes.php import serialized
from controller.web.support.parsing import json_body
from shared import ack, bundle, schema
from shared.errors import ShoplaunchError
from shared.job import check_job, values_sha256
from shared.placeholders import Renderer, token
from tests.support.shops.handmade import FRAGMENT, packed
from tests.support.shops.hostile_bundles import entry, large_from, with_offset
from tests.support.worlds.agent_box import NONCE, sample_members, small_manifest, write_bundle
from tests.unit.bundles.rewrite.helpers import Shop
from tests.unit.bundles.rewrite.php_judge import made_by_php

EXAMPLES = Path(schema.__file__).parent / "schemas" / "examples"
VALUES = {
    "domain": "shop.example",
    "admin_folder": "back",
    "secret.cookie_key": "k",
    "shop.name": "it's",
    "up": "../..",
}
#: Deflate may make a thousand times of what is read; beyond this a target holds more than it should.
MOST_UNPACKED = 1024 * 1040
#: A key of somebody's. That of no bytes would be a point of four, for which every fourth text is signed by zeros.
SOMEBODY = Ed25519PrivateKey.from_private_bytes(b"k" * 32).public_key().public_bytes_raw()
_WEB = Flask(__name__)
#: (offset, width) of what is read of a ZIP's headers and of a tar's.
_LOCAL = ((0, 4), (26, 2), (28, 2))
_LISTED = (
    (8, 2),
    (10, 2),
    (20, 4),
    (24, 4),
    (28, 2),
    (30, 2),
    (32, 2),
    (42, 4),
    (46, 2),
    (46, 9),
    (53, 2),
    (53, 12),
    (57, 8),
)
_END = ((4, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2))
_LARGE_END = ((4, 8), (16, 4), (20, 4), (24, 8), (32, 8), (40, 8), (48, 8))
_LOCATOR = ((4, 4), (8, 8), (16, 4))
_HEADER = ((0, 3), (0, 20), (100, 8), (124, 12), (136, 12), (156, 1), (157, 3), (157, 20), (257, 6), (345, 20))


class AnyDigest(str):
    """Equal to every digest: fuzzing would never find the right one."""

    __hash__ = str.__hash__

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False


def manifest(data):
    """A manifest, and what is made of it first."""
    found = bundle.load_manifest(data)
    bundle.shards_of(found, None)
    Renderer(found["nonce"], VALUES).render(b"x")
    Residue(found, VALUES).found_in(b"x")


def patched(data, bases, fields_of):
    """Return one of the `bases` with some of its fields changed as `data` says; `data` itself when it begins with 0.

    Hardly any byte of an archive is looked at before its neighbours are right: fields are changed as such.
    """
    if data[:1] in (b"", b"\0"):
        return data[1:]
    altered = bytearray(bases[data[0] % len(bases)])
    fields, changes = fields_of(altered), io.BytesIO(data[1:])
    for pick in iter(lambda: changes.read(1), b""):
        place, width = fields[pick[0] % len(fields)]
        new = changes.read(width)
        altered[place : place + len(new)] = new
    return bytes(altered)


def _fields_of_zip(data):
    places = {b"PK\3\4": _LOCAL, b"PK\1\2": _LISTED, b"PK\5\6": _END, b"PK\6\6": _LARGE_END, b"PK\6\7": _LOCATOR}
    return [(found.start() + at, width) for mark, fields in places.items()
            for found in re.finditer(re.escape(mark), data) for at, width in fields]  # fmt: skip


def _fields_of_tar(data):
    return [(block + at, width) for block in range(0, len(data), tar.BLOCK) for at, width in _HEADER]


def whole_bundle(data):
    """A bundle file, opened and read by agent and controller."""
    data = patched(data, BUNDLES, _fields_of_zip)
    descriptor = os.memfd_create("fuzzed")
    try:
        os.write(descriptor, data)
        path = f"/proc/self/fd/{descriptor}"
        for read in (_read_as_agent, _read_as_controller):
            try:
                read(path, data)
            except ShoplaunchError:
                continue
    finally:
        os.close(descriptor)


def _read_as_agent(path, data):
    opened = reader.Bundle(path, {"size": len(data), "manifest_sha256": AnyDigest()})
    try:
        for member in opened.manifest["members"]:
            opened.read(dict(member, sha256=AnyDigest()))
    finally:
        opened.close()


def _read_as_controller(path, _data):
    with bundle_reader.open_bundle(Path(path)) as opened:
        for member in opened.manifest["members"]:
            opened.read(dict(member, sha256=AnyDigest()))


def one_shard(data):
    """A shard unpacked into a folder: nothing outside it, and no link in it that leads out."""
    data = patched(data, TARS, _fields_of_tar)
    archive = zlib.compress(data, 0, 31)
    sandbox = tempfile.mkdtemp(dir="/dev/shm")
    staging = os.path.join(sandbox, "staging")
    writer = TreeWriter(staging)
    bundle = types.SimpleNamespace(read=lambda member: archive)
    fake = types.SimpleNamespace(bundle=bundle, renderer=Renderer(NONCE, VALUES), count=lambda *_: None)
    member = {"name": "files/1.tar.gz", "placeholders": True, "unpacked": len(data), "size": len(archive)}
    try:
        residue = Residue({"residue": [b"template.example".hex()]}, VALUES)
        unpack.unpack_shard(fake, writer, residue, member, unpacked(bundle, member))
    finally:
        writer.close()
        _check_inside(sandbox, staging)
        shutil.rmtree(sandbox)


def _check_inside(sandbox, staging):
    assert os.listdir(sandbox) == ["staging"]
    for folder, folders, files in os.walk(os.fsencode(staging)):
        for name in folders + files:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                assert os.path.realpath(path).startswith(os.fsencode(staging)), path


def member(data):
    """A packed member, whatever its size is said to be."""
    said = int.from_bytes(data[:3], "big")
    for size in (None, said):
        try:
            assert len(gunzip(data[3:], size)) <= MOST_UNPACKED
        except ShoplaunchError:
            continue
    assert len(gunzip_large(data[3:], said)) == said


def job(data):
    """A job file: as a signed text, and as what is signed."""
    if data[:1] != b"{":
        _signed_by_nobody(data)
    payload = _document(data)
    job_file.named_by(payload)
    found = check_job(payload)
    values_sha256(found["values"])
    check_address(found["callback"]["url"])
    if "url" in found.get("bundle", {}):
        check_address(found["bundle"]["url"])
        source.token_for(found)
    if found["kind"] != "restore":
        renderer = Renderer(follow_up_job.nonce_of(found), found["values"])
        follow_up_job.check(found, renderer)


def _signed_by_nobody(data):
    for text in (data, data + b"." + b"A" * 86):
        try:
            job_file.open_signed(text, [SOMEBODY])
        except ShoplaunchError:
            continue
        raise AssertionError("nobody has signed this")


def answer(data):
    """The controller's answer through the panel."""
    ack.check_ack(_document(data))


def event(data):
    """An agent's event over HTTP, and the state the controller reads through a panel."""
    known = types.SimpleNamespace(id="j1234567", attempt=1)
    state = panel_reading._state_in(data)
    if state is not None:
        json.dumps(panel_reports.progress(state, 1.0), allow_nan=False).encode("utf-8")
        panel_reports.last_number(state)
        panel_reports.final_event(known, state)
    found = reports.checked(reports.read(data))
    json.dumps(found, allow_nan=False, ensure_ascii=False).encode("utf-8")


def order(data):
    """An order over HTTP."""
    with _WEB.test_request_context(method="POST", data=data):
        found = orders.checked(json_body("order_invalid"))
    json.dumps(found, allow_nan=False, ensure_ascii=False).encode("utf-8")


def placeholders(data):
    """Text with placeholders, filled."""
    Renderer(NONCE, VALUES, {"1": FRAGMENT.encode(), "2": data[:500]}).render(data)


def sql(data):
    """A dump: it falls into the same statements however it is cut, and every one of them is known or refused."""
    found = _statements([data])
    assert _statements([data[at : at + 7] for at in range(0, len(data), 7)]) == found
    for statement in found or []:
        kind, _ = dump.classify(statement)
        dump.runnable(statement.text, kind)


def _statements(pieces):
    try:
        return list(split(pieces))
    except EOFError:
        return None


def value(data):
    """A value of the template's database, rewritten: whatever it is, it becomes text again."""
    with contextlib.suppress(serialized.Broken):
        serialized.scan(data)
    # As the packer looks for it first
    Names(NONCE).check_free(data, "value")
    Shop().moved(data)


def _document(data):
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ShoplaunchError("job_invalid", "not JSON") from None


def _examples(*names):
    return [path.read_bytes() for name in names for path in sorted(EXAMPLES.glob(f"{name}.*.json"))]


def _bundles():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "b"
        for members in ({}, {"files/1": ("files", False, b"x")}):
            write_bundle(path, members)
            yield path.read_bytes()
        yield with_offset(path.read_bytes(), 0)
        with large_from(0, 0):
            write_bundle(path, members)
        yield path.read_bytes()


def _tars():
    folder, link = entry(b"a/b", b"", tar.FOLDER), entry(b"a/b/l", b"", tar.LINK, b"../..")
    yield entry(b"a", b"x")
    yield folder + link + entry(b"e", b"", tar.LINK, b"a/b/l/a")
    yield (
        folder
        + entry(token(NONCE, "up") + b"/x", token(NONCE, "domain", "len*2+9"))
        + entry(b"n" * 120, b"", tar.LINK, b"x")
    )


BUNDLES, TARS = list(_bundles()), list(_tars())


def _unpatched(bases):
    """Return the inputs that give the `bases` as they are, by either way."""
    return [bytes([number + len(bases)]) for number in range(len(bases))] + [b"\0" + base for base in bases]


def _seeds_of_sql():
    yield b"CREATE TABLE `t` (`a` int); /*!50003 CREATE*/ /*!50003 TRIGGER t BEGIN a; END */;\n-- x\n# y\n"
    yield b"DELIMITER ;;\nCREATE DEFINER=`a`@`%` PROCEDURE p() BEGIN SELECT ';'; END;;\nDELIMITER ;\n/*M!100 x */;"
    yield b"INSERT INTO `t` VALUES (1,'it\\'s \"x\"', x'00'),(2,NULL,0x41);SET NAMES latin1;LOCK TABLES `t` WRITE;"


def _seeds_of_texts():
    yield b"".join(token(NONCE, "domain", step) for step in ("raw", "json.sql", "len*2+9", "base64.url"))
    yield token(NONCE, "fragment.1", "len") + token(NONCE, "fragment.2", "html.regex.php.symfony.jsonplain")


#: What stands in hostile bundles, dumps and values: libFuzzer puts these in where it likes.
WORDS = (
    b"..", b"/../", b"../..", b"l/..", b"PK\1\2", b"PK\5\6", b"PK\6\7", b"\xff" * 8, b"\xff" * 4, b"\0" * 8, b"ustar\0",
    b"-0000001000\0", b"len*", b"+9", b".len", b".json", b".url", b"DELIMITER ;;\n", b"/*!50001 ", b"/*M!", b"*/",
    b"--", b"\\'", b"''", b"`", b"myshop.example", b"/srv/tpl", b's:14:"', b"a:1:{", b"i:0;", b"C:11:", b"99999999",
    b":raw@@", token(NONCE, "domain"), token(NONCE, "up"), token(NONCE, "fragment.1"), token(NONCE, "fragment.2"),
)  # fmt: skip
#: name -> (what is fuzzed, its first inputs, whether these are JSON documents).
TARGETS = {
    "manifest": (
        manifest,
        lambda: [*_examples("manifest"), json.dumps(small_manifest(sample_members())).encode()],
        True,
    ),
    "bundle": (whole_bundle, lambda: _unpatched(BUNDLES), False),
    "shard": (one_shard, lambda: _unpatched(TARS), False),
    "member": (member, lambda: [len(text).to_bytes(3, "big") + packed(text) for text in (b"x", bytes(9999))], False),
    "job": (job, lambda: _examples("job"), True),
    "answer": (answer, lambda: _examples("ack"), True),
    "event": (event, lambda: _examples("event", "state"), True),
    "order": (order, lambda: _examples("order", "billing-event"), True),
    "placeholders": (placeholders, _seeds_of_texts, False),
    "sql": (sql, _seeds_of_sql, False),
    "value": (value, made_by_php, False),
}
