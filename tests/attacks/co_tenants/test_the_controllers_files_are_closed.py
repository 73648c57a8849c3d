"""Nothing the controller makes is open to another user of its machine, whatever umask it was started with."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from controller.agent_archive.build import build_agent
from controller.bundles.pack.writer import BundleWriter
from controller.bundles.review import decisions
from controller.doctor import registry
from controller.settings.sections import Config, EngineConfig, MailConfig
from tests.attacks.table import attack
from tests.support.worlds.agent_box import sample_members, small_manifest, write_bundle

COMMAND = str(Path(sys.executable).parent / "shoplaunch")
#: Users of the machine go through to a file whose name they know; they cannot list these folders.
WAYS = {".", "bundles", "agents"}
#: There every agent of the machine reports, and proves itself by its token.
DOORS = "agents"


@pytest.fixture
def home():
    """SHOPLAUNCH_HOME where every user of the machine can look for it."""
    folder = Path(tempfile.mkdtemp(prefix="shoplaunch-attack-"))
    folder.chmod(0o755)
    yield folder / "home"
    shutil.rmtree(folder)


def run(home, *words, code=0):
    """Run a command of the controller with umask 0."""
    environment = {**os.environ, "SHOPLAUNCH_HOME": str(home), "SHOPLAUNCH_PUBLIC_URL": "http://127.0.0.1:1"}
    done = subprocess.run([COMMAND, *words], env=environment, umask=0, capture_output=True, text=True, cwd=home.parent)
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done.stdout


def open_to_others(folder):
    """Return path -> mode of what below `folder` (itself included) another user may read or enter, and of what would
    be open for writing if the folder above it were not closed."""
    found, ways = {}, {folder.parent}
    for path in [folder, *sorted(folder.rglob("*"))]:
        try:
            kind = path.lstat().st_mode
        except FileNotFoundError:
            # Under another name a moment later
            continue
        if stat.S_ISLNK(kind) or (stat.S_ISSOCK(kind) and path.parent == folder / DOORS):
            continue
        name, mode = str(path.relative_to(folder)), stat.S_IMODE(kind)
        others = mode & 0o077 & ~(0o011 if name in WAYS else 0)
        ways |= {path} if path.is_dir() and mode & 0o011 and path.parent in ways else set()
        if others & 0o022 or (others and path.parent in ways):
            found[name] = f"{mode:o}"
    return found


@attack("another user looks through the controller's files, which was started with umask 0", "every one is closed")
def test_what_init_bundle_add_backup_and_restore_make_is_closed(home):
    run(home, "init", "--operator-email", "ops@example.com")
    # As it was made: `migrate` closes what it finds
    assert stat.S_IMODE((home / "shoplaunch.db").stat().st_mode) == 0o600
    members = sample_members()
    write_bundle(home.parent / "small.bundle", members, small_manifest(members))
    (home.parent / "small.bundle").chmod(0o600)
    run(home, "bundle", "add", "classic", "small.bundle", "--paid")
    run(home, "backup", "saved")
    assert stat.S_IMODE((home.parent / "saved").stat().st_mode) == 0o600
    run(home, "migrate")
    run(home, "key", "rotate", "--yes")
    assert open_to_others(home) == {}
    other = home.parent / "other"
    # Bundles are in no backup: the command says so
    run(other, "restore", str(home.parent / "saved"), code=3)
    assert open_to_others(other) == {}


@attack("another user looks through what a service with umask 0 writes while it runs", "every file is closed")
def test_what_a_running_service_makes_is_closed(home):
    run(home, "init", "--operator-email", "ops@example.com")
    environment = {**os.environ, "SHOPLAUNCH_HOME": str(home), "SHOPLAUNCH_PUBLIC_URL": "http://127.0.0.1:1"}
    environment["TMPDIR"] = str(home.parent / "tmp")
    Path(environment["TMPDIR"]).mkdir(mode=0o755)
    serving = subprocess.Popen(
        [COMMAND, "serve", "--bind", "127.0.0.1:0"], env=environment, umask=0, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, cwd=home.parent,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while b"Listening" not in serving.stdout.readline():
            assert serving.poll() is None
            assert time.monotonic() < deadline
        assert open_to_others(home) == {}
        assert set(open_to_others(Path(environment["TMPDIR"]))) == {"."}
    finally:
        serving.terminate()
        serving.wait(60)
    assert open_to_others(home) == {}


@attack(
    "another user copies the bundle that `pack` writes, or reads its decisions", "both are closed from the first byte"
)
def test_what_packing_leaves_is_closed(home):
    home.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        with BundleWriter(home / "shop.bundle") as writer:
            writer.add("data", b"rows", placeholders=False, unpacked=4)
            writer.number()
            # Next to the target while it is made: nobody else enters
            assert stat.S_IMODE(writer.spool.stat().st_mode) == 0o700
            writer.publish(writer.assemble(b"{}"))
        decisions.write(home / "decisions.toml", decisions.Decisions())
        assert build_agent(home / "agent.pyz", [bytes(32)])
    finally:
        os.umask(before)
    # The agent goes into every account and holds no secret: anybody may read it, nobody else write
    assert open_to_others(home) == {".": "755", "agent.pyz": "644"}
    (home / "decisions.toml").chmod(0o640)
    decisions.write(home / "decisions.toml", decisions.Decisions())
    assert stat.S_IMODE((home / "decisions.toml").stat().st_mode) == 0o640


@attack(
    "an account reads the settings or a secret's file, which an operator's editor or copy has left open to everybody",
    "`doctor` is red and names each until it is closed; one in a folder that others may not enter is left alone",
)
def test_secrets_that_everybody_can_read_are_named(home):
    for folder, mode in ((home, 0o711), (home / "closed", 0o700)):
        folder.mkdir()
        folder.chmod(mode)
    files = [home / "shoplaunch.toml", home / "closed" / "mail", home / "broker", home / "whmcs-secret"]
    for file in files:
        file.write_text("s3cret\n")
        file.chmod(0o644)
    named = {"secret_file": str(files[3]), "department": 1, "admin": "a"}
    whmcs = {"url": "https://w.example", "identifier": "id", **named}
    mail, engine = MailConfig(password_file=str(files[1])), EngineConfig(broker_url_file=str(files[2]))
    config = Config(home=home, mail=mail, engine=engine, whmcs=whmcs)
    look = registry.CHECKS["secret files"]
    found = list(look(config))
    assert [one.message.rpartition(" ")[2] for one in found] == [str(files[number]) for number in (0, 2, 3)]
    assert not any(one.ok for one in found)
    for file in files:
        file.chmod(0o640)
    assert list(look(config)) == []
