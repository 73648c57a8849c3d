"""Damaged, altered, hostile and fetched bundles."""

import hashlib
import io
import json
import signal
import zipfile

import pytest

from agent.bundle.fetch import fetch
from agent.bundle.reader import Bundle
from agent.bundle.source import Source, token_for
from agent.reporting.http import HttpClient
from shared.encoding import canonical_json
from shared.errors import ShoplaunchError
from tests.support.servers.web.bundle_server import BundleServer
from tests.support.worlds.agent_box import killing_agent, sample_members, small_manifest, write_bundle


@pytest.fixture
def bundle(tmp_path):
    path = tmp_path / "shop.bundle"
    members = sample_members()
    pin = write_bundle(path, members)
    return path, pin, members


def read_all(path, pin):
    opened = Bundle(str(path), pin)
    try:
        return {member["name"]: opened.read(member) for member in opened.manifest["members"]}
    finally:
        opened.close()


def written(path, entries, pin_manifest, compression=zipfile.ZIP_STORED):
    """Write a ZIP of (name, data) as given; return a pin."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    path.write_bytes(buffer.getvalue())
    return {"manifest_sha256": hashlib.sha256(pin_manifest).hexdigest(), "size": len(buffer.getvalue())}


def test_every_member_is_read_back(bundle):
    path, pin, members = bundle
    assert read_all(path, pin) == {name: data for name, (_, _, data) in members.items()}


def test_a_bundle_cut_short_at_any_length_is_refused(bundle):
    path, pin, _ = bundle
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        for size in (pin["size"], length):
            with pytest.raises(ShoplaunchError, match="bundle_damaged"):
                Bundle(str(path), dict(pin, size=size))


def test_a_flipped_bit_anywhere_in_any_member_is_noticed(bundle):
    path, pin, members = bundle
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        spans = [(info.header_offset + 30 + len(info.filename), info.file_size) for info in archive.infolist()]
    assert len(spans) == len(members) + 1
    for start, size in spans:
        for offset in sorted({0, size // 3, size // 2, size - 1}):
            data = bytearray(whole)
            data[start + offset] ^= 1
            path.write_bytes(bytes(data))
            with pytest.raises(ShoplaunchError, match=r"bundle_digest|bundle_damaged"):
                read_all(path, pin)


def test_no_flipped_byte_of_the_whole_file_changes_what_is_read(bundle):
    path, pin, members = bundle
    whole = path.read_bytes()
    wanted = {name: data for name, (_, _, data) in members.items()}
    for position in range(0, len(whole), 13):
        data = bytearray(whole)
        data[position] ^= 0xFF
        path.write_bytes(bytes(data))
        try:
            assert read_all(path, pin) == wanted
        except ShoplaunchError as error:
            assert error.code in ("bundle_digest", "bundle_damaged", "unsafe_path")


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a\\..\\x", "files/./x", "x\n"])
def test_a_member_with_an_unsafe_name_is_refused(tmp_path, name):
    raw = canonical_json(small_manifest({}))
    pin = written(tmp_path / "b", [("manifest.json", raw), (name, b"x")], raw)
    with pytest.raises(ShoplaunchError, match="unsafe_path"):
        Bundle(str(tmp_path / "b"), pin)


def test_a_member_the_manifest_does_not_list_is_refused(tmp_path):
    raw = canonical_json(small_manifest({}))
    pin = written(tmp_path / "b", [("manifest.json", raw), ("files/0009.tar.gz", b"x")], raw)
    with pytest.raises(ShoplaunchError, match="bundle_damaged"):
        Bundle(str(tmp_path / "b"), pin)


def test_a_member_that_is_missing_or_there_twice_or_compressed_is_refused(tmp_path):
    members = sample_members()
    raw = canonical_json(small_manifest(members))
    entries = [("manifest.json", raw)] + [(name, data) for name, (_, _, data) in members.items()]
    pin = written(tmp_path / "b", entries[:-1], raw)
    with pytest.raises(ShoplaunchError, match="bundle_damaged"):
        Bundle(str(tmp_path / "b"), pin)
    with pytest.warns(UserWarning, match="Duplicate"):
        pin = written(tmp_path / "b", [*entries, entries[-1]], raw)
    with pytest.raises(ShoplaunchError, match="bundle_damaged"):
        Bundle(str(tmp_path / "b"), pin)
    pin = written(tmp_path / "b", entries, raw, zipfile.ZIP_DEFLATED)
    with pytest.raises(ShoplaunchError, match="bundle_damaged"):
        Bundle(str(tmp_path / "b"), pin)


def test_another_bundle_than_the_job_names_is_refused(bundle):
    path, pin, _ = bundle
    with pytest.raises(ShoplaunchError, match="bundle_digest"):
        Bundle(str(path), dict(pin, manifest_sha256="0" * 64))


@pytest.fixture
def server(bundle):
    serving = BundleServer(bundle[0].read_bytes())
    yield serving
    serving.close()


def test_a_broken_download_goes_on_where_it_stopped(bundle, server, tmp_path):
    _, pin, members = bundle
    server.budget = 1500
    target = tmp_path / "fetched"
    fetch(Source(dict(pin, url=server.url), HttpClient()), str(target), sleep=lambda seconds: None)
    assert target.read_bytes() == server.content
    assert server.asked[0] is None
    assert server.asked[1:] == [f"bytes={n}-" for n in range(1500, pin["size"], 1500)]
    assert len(read_all(target, pin)) == len(members)


def test_a_server_that_cannot_resume_is_read_from_the_start(bundle, server, tmp_path):
    _, pin, _ = bundle
    target = tmp_path / "fetched"
    part = tmp_path / f"fetched.{pin['manifest_sha256'][:16]}.part"
    part.write_bytes(b"x" * 100)
    server.ranges = False
    fetch(Source(dict(pin, url=server.url), HttpClient()), str(target), sleep=lambda seconds: None)
    assert target.read_bytes() == server.content


def test_a_server_that_sends_nothing_is_given_up_and_the_part_stays(bundle, server, tmp_path):
    _, pin, _ = bundle
    server.budget = 0
    with pytest.raises(ShoplaunchError, match="bundle_missing"):
        fetch(
            Source(dict(pin, url=server.url), HttpClient()),
            str(tmp_path / "f"),
            idle_seconds=0.0,
            sleep=lambda seconds: None,
        )
    assert not (tmp_path / "f").exists()


def test_a_longer_file_than_the_job_says_is_refused(bundle, server, tmp_path):
    _, pin, _ = bundle
    server.content += b"more"
    with pytest.raises(ShoplaunchError, match="bundle_damaged"):
        fetch(Source(dict(pin, url=server.url), HttpClient()), str(tmp_path / "f"), sleep=lambda seconds: None)


def test_a_restore_goes_on_from_the_part_that_lies_in_its_account(box, bundle, server):
    _, pin, _ = bundle
    part = box.folder / f"shop.bundle.{pin['manifest_sha256'][:16]}.part"
    part.write_bytes(server.content[:2000])
    box.own()
    box.pin = dict(pin, url=server.url)
    box.drop()
    assert box.run() == 0, box.errors
    assert server.asked == ["bytes=2000-"]
    assert not box.folder.exists()


DAMAGED = ("bundle_digest", "bundle_damaged", "unsafe_path")


@pytest.fixture
def damaged(box, bundle, server):
    """The account's job is to fetch its bundle, of which a part of as many other bytes has arrived."""
    _, pin, _ = bundle
    part = box.folder / f"shop.bundle.{pin['manifest_sha256'][:16]}.part"

    def put():
        part.write_bytes(b"\0" * 2000)
        box.own()

    box.pin = dict(pin, url=server.url)
    box.drop()
    put()
    return put


def test_a_damaged_download_is_fetched_anew_by_the_next_tick(box, controller, server, damaged):
    assert box.run() == 1
    error = controller.accepted("failed")[0]["error"]
    assert error["code"] in DAMAGED and error["retryable"] and error["message"].endswith("it is fetched anew")
    assert box.run() == 0, box.errors
    assert server.asked == ["bytes=2000-", None]


def test_another_bundle_that_came_is_fetched_anew_as_well(box, server, damaged):
    next(box.folder.glob("*.part")).unlink()
    good = server.content
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        info = archive.getinfo("manifest.json")
    place = info.header_offset + 30 + len(info.filename) + info.file_size // 2
    server.content = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
    server.after = [lambda: setattr(server, "content", good)]
    assert box.run() == 1
    assert box.state["error"]["code"] == "bundle_digest"
    assert box.run() == 0, box.errors
    assert server.asked == [None, None]


def test_a_download_that_is_damaged_twice_ends_the_attempt_and_the_next_has_both_tries_again(box, damaged):
    codes = []
    for _ in range(3):
        codes.append(box.run())
        damaged()
    assert codes == [1, 3, 3]
    assert box.state["error"]["code"] in DAMAGED
    box.drop(attempt=2)
    assert box.run() == 1
    assert box.run() == 0


def test_killed_before_it_is_noted_a_damaged_bundle_is_fetched_anew_all_the_same(box, bundle, server, damaged, agent):
    killing_agent(agent, box.folder / "agent.pyz", "durable")
    box.own()
    plan = {"process": "parent", "what": "unlink shop.bundle", "nth": 1, "when": "after", "who": "group"}
    (box.home / "kill.json").write_text(json.dumps(plan))
    assert box.run() == -signal.SIGKILL
    (box.home / "kill.json").unlink()
    damaged()
    assert box.run() == 1
    assert box.run() == 0, box.errors


def test_a_missing_bundle_waits_for_the_operator(box, controller):
    box.pin = {"manifest_sha256": "0" * 64, "size": 10, "path": str(box.home / "nowhere.bundle")}
    box.drop()
    assert box.run() == 1
    assert controller.accepted("failed")[0]["error"]["code"] == "bundle_missing"


def test_a_file_that_changed_under_a_broken_download_is_fetched_from_its_beginning(bundle, server, tmp_path):
    _, pin, _ = bundle
    good, server.mark = server.content, '"first"'
    server.content = bytes(len(good))
    server.budget = 1500
    server.after = [lambda: setattr(server, "content", good) or setattr(server, "mark", '"second"')]
    fetch(Source(dict(pin, url=server.url), HttpClient()), str(tmp_path / "f"), sleep=lambda seconds: None)
    assert (tmp_path / "f").read_bytes() == good
    assert list(tmp_path.glob("f.*")) == []


def test_a_part_longer_than_the_servers_file_is_begun_anew(bundle, server, tmp_path):
    _, pin, _ = bundle
    part = tmp_path / f"f.{pin['manifest_sha256'][:16]}.part"
    part.write_bytes(b"x" * (pin["size"] - 1))
    whole, server.content = server.content, server.content[:100]
    server.after = [lambda: setattr(server, "content", whole)]
    fetch(Source(dict(pin, url=server.url), HttpClient()), str(tmp_path / "f"), sleep=lambda seconds: None)
    assert (tmp_path / "f").read_bytes() == whole


def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(bundle, server, tmp_path):
    _, pin, _ = bundle
    elsewhere = BundleServer(server.content)
    try:
        server.redirect = elsewhere.url
        with pytest.raises(ShoplaunchError, match="bundle_missing"):
            fetch(Source(dict(pin, url=server.url), HttpClient(), "secret"), str(tmp_path / "f"))
        assert server.tokens == ["Bearer secret"]
        assert elsewhere.asked == []
    finally:
        elsewhere.close()


@pytest.mark.parametrize(
    ("url", "gets_it"),
    [
        ("https://control.example.com/api/v1/agent/bundle/x", True),
        ("https://control.example.com:443/x", True),
        ("https://control.example.com:8443/x", False),
        ("https://control.example.com.evil.example/x", False),
        ("https://cdn.example.com/x", False),
        ("http://control.example.com/x", False),
    ],
)
def test_only_the_controllers_own_address_gets_the_token(url, gets_it):
    callback = {"url": "https://Control.example.com/api/v1/agent/events", "token": "secret"}
    assert token_for({"callback": callback, "bundle": {"url": url}}) == ("secret" if gets_it else None)


@pytest.mark.parametrize(("status", "code"), [(409, "superseded"), (410, "cancelled"), (401, "bundle_missing")])
def test_what_the_controller_says_of_the_attempt_counts_while_fetching(bundle, server, tmp_path, status, code):
    _, pin, _ = bundle
    server.status = status
    with pytest.raises(ShoplaunchError, match=code):
        fetch(Source(dict(pin, url=server.url), HttpClient(), "secret"), str(tmp_path / "f"))


def test_a_foreign_server_cannot_cancel_a_job(bundle, server, tmp_path):
    _, pin, _ = bundle
    server.status = 410
    with pytest.raises(ShoplaunchError, match="bundle_missing"):
        fetch(Source(dict(pin, url=server.url), HttpClient()), str(tmp_path / "f"))


@pytest.mark.parametrize("found", ["nothing", "another", "unreadable"])
def test_what_the_servers_folder_does_not_have_is_fetched(box, bundle, server, found):
    path, pin, _ = bundle
    shared = box.base / "classic.bundle"
    if found == "another":
        write_bundle(shared, sample_members())
    if found == "unreadable":
        shared.write_bytes(path.read_bytes())
        shared.chmod(0o600)
    box.pin = dict(pin, url=server.url, path=str(shared))
    box.drop()
    assert box.run() == 0, box.errors
    assert server.asked == [None]


def test_what_the_servers_folder_has_is_not_fetched(box, bundle, server):
    path, pin, _ = bundle
    shared = box.base / "classic.bundle"
    shared.write_bytes(path.read_bytes())
    shared.chmod(0o644)
    box.pin = dict(pin, url=server.url, path=str(shared))
    box.drop()
    assert box.run() == 0, box.errors
    assert server.asked == []
