"""Which bundle the demo restores: always the file that was named, and never a broken one."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from controller.jobs.lifecycle.bundle_store import NAME
from controller.settings.loading import load_config
from controller.setup.installation import ensure_installation
from tests.attacks.table import attack
from tests.support.shops.handmade import packed
from tests.support.worlds.agent_box import small_manifest, write_bundle

PROJECT = Path(__file__).resolve().parents[3]
DEMO = PROJECT / "packaging" / "demo" / "demo.py"
sys.path.insert(0, str(DEMO.parent))

pytestmark = pytest.mark.root


@pytest.fixture
def folder():
    """A folder whose path is short enough for the services' sockets (Path)."""
    with tempfile.TemporaryDirectory(prefix="sl") as made:
        yield Path(made)


@pytest.fixture
def world(folder):
    """A world whose controller knows no bundle yet; nothing of it runs."""
    from world import World

    world = World(folder / "world")
    world.home.mkdir(parents=True)
    ensure_installation(
        load_config({"SHOPLAUNCH_HOME": str(world.home), "SHOPLAUNCH_PUBLIC_URL": "http://127.0.0.1:1"})
    )
    return world


def bundle(path, content):
    """Write a bundle that holds `content`; return (path, its manifest's digest)."""
    members = {"db/tables.json.gz": ("tables", False, packed([content]))}
    return path, write_bundle(path, members, small_manifest(members))["manifest_sha256"]


def restored(world, path):
    """Return (name, digest of the manifest) of the bundle the demo would order."""
    import demo

    name = demo._bundle(world, path, demo.checked(path))
    known = {row["name"]: row["manifest_sha256"] for row in world.json("bundle", "list")}
    return name, known[name]


@pytest.mark.sampled(of=2, rests=True)
def test_a_bundle_packed_again_under_the_same_name_is_a_new_one(world, tmp_path):
    path, first = bundle(tmp_path / "my.bundle", "one")
    assert restored(world, path)[1] == first
    path, second = bundle(tmp_path / "my.bundle", "two")
    assert second != first
    assert restored(world, path)[1] == second


@pytest.mark.sampled(of=3, rests=True)
def test_the_same_bundle_is_added_once_wherever_it_lies(world, tmp_path):
    path, digest = bundle(tmp_path / "my.bundle", "one")
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(path, tmp_path / "elsewhere")
    assert restored(world, path) == restored(world, tmp_path / "elsewhere" / "my.bundle")
    assert [row["manifest_sha256"] for row in world.json("bundle", "list")] == [digest]


@pytest.mark.sampled(of=3, rests=True)
def test_a_file_called_like_our_sample_is_not_our_sample(world, tmp_path):
    sample, _ = bundle(tmp_path / "packed.bundle", "our own")
    world.run("bundle", "add", "sample", str(sample))
    path, digest = bundle(tmp_path / "sample.bundle", "the user's")
    assert restored(world, path)[1] == digest


@pytest.mark.sampled(of=2, rests=True)
def test_our_sample_is_packed_anew_when_it_would_be_another(world, tmp_path, monkeypatch):
    import demo

    source = tmp_path / "source" / "variants.toml"
    source.parent.mkdir()
    source.write_text("one")
    monkeypatch.setattr(demo, "SAMPLE_SOURCES", [source.parent])
    packed_from = []

    def pack(root, url, password, target, *more, **options):
        packed_from.append(source.read_text())
        bundle(target, source.read_text())

    monkeypatch.setattr(world, "install_sample", lambda domain: (tmp_path, "", ""))
    monkeypatch.setattr(world, "pack", pack)
    first = demo._bundle(world, None, "")
    assert demo._bundle(world, None, "") == first
    source.write_text("two")
    assert demo._bundle(world, None, "") != first
    assert packed_from == ["one", "two"]


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("name", ["my shop.bundle", ".hidden.bundle", "فروشگاه.bundle", "x" * 200, "-.bundle", "a..b"])
def test_whatever_the_file_is_called_the_bundle_gets_a_usable_name(world, tmp_path, name):
    path, digest = bundle(tmp_path / name, "one")
    found, known = restored(world, path)
    assert NAME.match(found)
    assert known == digest


@attack(
    "an operator whose own files are closed to everybody, or open to everybody, starts the demo",
    "web server and accounts may read what they need of it, and nobody else writes it",
)
@pytest.mark.parametrize("mask", [0o077, 0])
def test_the_demo_is_open_to_who_needs_it_whatever_the_mask(monkeypatch, mask):
    import demo

    class Seen:
        def __init__(self, *_, **__):
            masks.append(os.umask(0o022))

        def remove(self):
            """There is nothing."""

    masks = []
    monkeypatch.setattr(demo, "World", Seen)
    monkeypatch.setattr(sys, "argv", ["demo.py", "--clean"])
    before = os.umask(mask)
    try:
        demo.main()
    finally:
        os.umask(before)
    assert masks == [0o022]


def run(folder, path):
    """Run the demo with a file that cannot do; return what it said. Nothing may have been started or written."""
    done = subprocess.run(
        [sys.executable, str(DEMO), "--bundle", str(path)],
        env={"PATH": "/usr/bin:/bin", "SHOPLAUNCH_DEMO": str(folder / "demo")}, capture_output=True, text=True,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "Traceback" not in said
    assert list(folder.iterdir()) == []
    return said


def test_a_missing_file_is_reported_before_anything_is_started(folder, tmp_path):
    assert "bundle_missing: " in run(folder, tmp_path / "none.bundle")


@pytest.mark.parametrize("damage", ["cut", "altered", "no-bundle"])
def test_a_damaged_file_is_reported_before_anything_is_started(folder, tmp_path, damage):
    path, _ = bundle(tmp_path / "my.bundle", "one" * 1000)
    data = bytearray(path.read_bytes())
    if damage == "altered":
        data[data.index(b"db/tables.json.gz") + 40] ^= 1
    path.write_bytes({"cut": data[:-30], "altered": data, "no-bundle": b"<html>404</html>"}[damage])
    said = run(folder, path)
    assert said.startswith(("bundle_damaged: ", "bundle_digest: ")), said
    assert "What to do: " in said


def test_a_command_that_fails_is_shown_in_its_own_words_and_the_demo_ends_with_1(world):
    (world.directory / "operator.json").write_text("{}")
    (world.home / "shoplaunch.toml").write_text("no_such_setting = 1\n")
    done = subprocess.run(
        [sys.executable, str(DEMO)], env={**os.environ, "SHOPLAUNCH_DEMO": str(world.directory)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "shoplaunch migrate ended with 1:" in said and "no_such_setting" in said and "make clean" in said
    assert "Traceback" not in said and "None" not in said
