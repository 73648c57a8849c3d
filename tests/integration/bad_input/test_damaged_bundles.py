"""Bundles as a bad disk, a broken transfer or an enemy leaves them: adding and showing them refuses each by name."""

import io
import json
import struct
import zipfile

import pytest

from shared.encoding import canonical_json
from tests.support.worlds.agent_box import sample_members, small_manifest, write_bundle

REFUSALS = ("bundle_damaged", "bundle_digest", "unsafe_path", "manifest_invalid", "bundle_format")


@pytest.fixture
def bundle(tmp_path):
    """Path of a good bundle."""
    path = tmp_path / "shop.bundle"
    write_bundle(path, sample_members())
    return path


def refused(commands, path):
    """Show and add the file; both must refuse it alike and keep nothing. Return the code."""
    code = commands.refused_json("bundle", "show", path)["code"]
    assert commands.refused_json("bundle", "add", "bad", path)["code"] == code
    assert commands.refused("bundle", "add", "bad", path)[0] == code
    assert not [one.name for one in (commands.home / "bundles").iterdir()]
    assert json.loads(commands.run("bundle", "list", "--json", code=0).stdout) == []
    return code


def archive(path, entries, compression=zipfile.ZIP_STORED):
    """Write a ZIP of (name, data) as given."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as made:
        for name, data in entries:
            made.writestr(zipfile.ZipInfo(name), data, compression)
    path.write_bytes(buffer.getvalue())


def parts(path):
    """Return {name: data} of a bundle."""
    with zipfile.ZipFile(path) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def directory_of(data):
    """Return offsets of the entries of the ZIP's central directory."""
    start = struct.unpack("<L", data[data.rindex(b"PK\5\6") + 16 :][:4])[0]
    found, place = [], start
    while data[place : place + 4] == b"PK\1\2":
        found.append(place)
        place += 46 + sum(struct.unpack("<HHH", data[place + 28 : place + 34]))
    return found


def test_a_good_bundle_is_added_and_adding_it_again_changes_nothing(commands, bundle):
    commands.run("bundle", "add", "good", bundle, code=0)
    commands.run("bundle", "add", "good", bundle, code=0)
    shown = json.loads(commands.run("bundle", "show", "good", "--json", code=0).stdout)
    assert shown["manifest"]["application"]["name"] == "prestashop"


def test_a_bundle_of_a_recipe_that_is_not_here_is_shown_but_not_added(commands, tmp_path):
    path, members = tmp_path / "shop.bundle", sample_members()
    write_bundle(path, members, {**small_manifest(members), "application": {"name": "elsewhere", "version": "1"}})
    code, message = commands.refused("bundle", "add", "elsewhere", path)
    assert code == "recipe_missing" and "elsewhere" in message
    assert not [one.name for one in (commands.home / "bundles").iterdir()]
    shown = json.loads(commands.run("bundle", "show", path, "--json", code=0).stdout)
    assert shown["manifest"]["application"]["name"] == "elsewhere"


def test_a_bundle_cut_short_is_damaged(commands, bundle):
    whole = bundle.read_bytes()
    for length in (0, 1, 4, len(whole) // 3, len(whole) // 2, len(whole) - 22, len(whole) - 1):
        bundle.write_bytes(whole[:length])
        assert refused(commands, bundle) == "bundle_damaged"


def test_a_flipped_bit_in_any_member_is_noticed(commands, bundle):
    whole = bundle.read_bytes()
    with zipfile.ZipFile(bundle) as opened:
        spans = [(info.header_offset + 30 + len(info.filename), info.file_size) for info in opened.infolist()]
    for start, size in spans:
        for offset in (0, size // 2, size - 1):
            data = bytearray(whole)
            data[start + offset] ^= 1
            bundle.write_bytes(bytes(data))
            assert refused(commands, bundle) in ("bundle_damaged", "bundle_digest")


def test_a_member_exchanged_together_with_its_checksum_does_not_match_its_digest(commands, bundle):
    members = parts(bundle)
    data = bytearray(members["files/0001.tar.gz"])
    data[100] ^= 1
    archive(bundle, [*{**members, "files/0001.tar.gz": bytes(data)}.items()])
    assert refused(commands, bundle) == "bundle_digest"


def test_no_altered_byte_of_its_directory_gives_anything_but_a_code(commands, bundle):
    whole = bundle.read_bytes()
    start = directory_of(whole)[0]
    for place in range(start, len(whole)):
        data = bytearray(whole)
        data[place] ^= 0xFF
        bundle.write_bytes(bytes(data))
        done = commands.run("bundle", "show", bundle, "--json")
        assert done.exit_code == 0 or json.loads(done.stdout)["error"]["code"] in REFUSALS


@pytest.mark.parametrize("bit", range(16))
def test_a_member_that_claims_to_be_encrypted_or_otherwise_strange_is_damaged_or_read_as_it_is(commands, bundle, bit):
    whole = bundle.read_bytes()
    for place in directory_of(whole):
        data = bytearray(whole)
        data[place + 8 + bit // 8] ^= 1 << bit % 8
        bundle.write_bytes(bytes(data))
        done = commands.run("bundle", "show", bundle, "--json")
        assert done.exit_code == 0 or json.loads(done.stdout)["error"]["code"] == "bundle_damaged"


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a\\..\\x", "files/./x", "x\n", "db/../x", "files/"])
def test_a_member_that_leaves_the_bundle_is_an_unsafe_path(commands, bundle, name):
    archive(bundle, [*parts(bundle).items(), (name, b"x")])
    assert refused(commands, bundle) == "unsafe_path"


def test_a_manifest_that_names_such_a_member_is_refused_too(commands, bundle):
    members = {"files/..": ("files", False, b"x"), **sample_members()}
    write_bundle(bundle, members)
    assert refused(commands, bundle) == "unsafe_path"


@pytest.mark.parametrize("extra", ["files/0009.tar.gz", "readme", "manifest.json.bak"])
def test_a_member_the_manifest_does_not_name_is_damage(commands, bundle, extra):
    archive(bundle, [*parts(bundle).items(), (extra, b"x")])
    assert refused(commands, bundle) == "bundle_damaged"


@pytest.mark.parametrize("name", ["files/0001.tar.gz", "db/fragments.json.gz", "manifest.json"])
def test_a_missing_member_is_damage(commands, bundle, name):
    members = parts(bundle)
    del members[name]
    archive(bundle, [*members.items()])
    assert refused(commands, bundle) == "bundle_damaged"


def test_a_compressed_bundle_is_damage_for_nothing_reads_it_in_the_account(commands, bundle):
    archive(bundle, [*parts(bundle).items()], zipfile.ZIP_DEFLATED)
    assert refused(commands, bundle) == "bundle_damaged"


def test_a_member_twice_is_damage(commands, bundle):
    members = parts(bundle)
    with pytest.warns(UserWarning, match="Duplicate"):
        archive(bundle, [*members.items(), ("files/0001.tar.gz", members["files/0001.tar.gz"])])
    assert refused(commands, bundle) == "bundle_damaged"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"format": 2}, "bundle_format"),
        ({"format": "1"}, "bundle_format"),
        ({"nonce": "short"}, "manifest_invalid"),
        ({"surprise": 1}, "manifest_invalid"),
        ({"members": 3}, "manifest_invalid"),
    ],
    ids=str,
)
def test_a_manifest_of_another_form_is_refused(commands, bundle, change, code):
    members = sample_members()
    write_bundle(bundle, members, {**small_manifest(members), **change})
    assert refused(commands, bundle) == code


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{", b"null", b"\xff\xfe", b"[" * 100_000], ids=lambda text: text[:4].hex()
)
def test_a_manifest_that_is_no_json_object_is_refused(commands, bundle, text):
    archive(bundle, [*{**parts(bundle), "manifest.json": text}.items()])
    assert refused(commands, bundle) == "manifest_invalid"


def test_a_size_that_lies_costs_no_memory(commands, bundle):
    members = sample_members()
    manifest = small_manifest(members)
    manifest["members"][0]["size"] = 1 << 50
    archive(bundle, [*{**parts(bundle), "manifest.json": canonical_json(manifest)}.items()])
    assert refused(commands, bundle) == "bundle_damaged"


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"PK\3\4", b"PK\5\6" + bytes(18), b"\x7fELF"], ids=repr)
def test_a_file_that_is_no_bundle_is_damage(commands, tmp_path, content):
    (tmp_path / "other").write_bytes(content * 3)
    assert refused(commands, tmp_path / "other") == "bundle_damaged"


@pytest.mark.parametrize("name", ["../x", "", "a b", "-", ".hidden", "x" * 64, "نام", "a/b"])
def test_a_name_that_is_none_is_refused_and_no_file_written(commands, bundle, name):
    assert commands.refused("bundle", "add", "--", name, bundle)[0] == "name_invalid"
    assert not list((commands.home / "bundles").iterdir())


def test_another_bundle_never_takes_a_name_and_the_first_stays(commands, bundle):
    commands.run("bundle", "add", "shop", bundle, code=0)
    first = (commands.home / "bundles" / "shop.bundle").read_bytes()
    write_bundle(bundle, sample_members())
    assert commands.refused("bundle", "add", "shop", bundle)[0] == "name_taken"
    assert (commands.home / "bundles" / "shop.bundle").read_bytes() == first


def test_a_kept_bundle_that_was_damaged_is_repaired_by_adding_the_original_again(commands, bundle):
    commands.run("bundle", "add", "shop", bundle, code=0)
    kept = commands.home / "bundles" / "shop.bundle"
    kept.write_bytes(bundle.read_bytes()[:-100])
    assert commands.refused("bundle", "show", "shop")[0] == "bundle_damaged"
    commands.run("bundle", "add", "shop", bundle, code=0)
    commands.run("bundle", "show", "shop", code=0)


@pytest.mark.parametrize("what", ["folder", "nothing", "gone"])
def test_what_is_not_there_is_missing_or_unknown(commands, bundle, tmp_path, what):
    if what == "folder":
        commands.run("bundle", "add", "x", tmp_path, code=2)
        return
    if what == "nothing":
        assert commands.refused_json("bundle", "add", "x", tmp_path / "nothing")["code"] == "bundle_missing"
        assert commands.refused_json("bundle", "show", tmp_path / "nothing")["code"] == "bundle_unknown"
        return
    commands.run("bundle", "add", "shop", bundle, code=0)
    (commands.home / "bundles" / "shop.bundle").unlink()
    assert commands.refused_json("bundle", "show", "shop")["code"] == "bundle_missing"
