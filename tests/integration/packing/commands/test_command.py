"""`shoplaunch pack` as an operator uses it, on our own sample shop."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from controller.recipes.tree.web_root import DEVELOPMENT
from tests.integration.packing.conftest import DOMAIN
from tests.support.machine.resources import descendants
from tests.support.shops.packing import server_url
from tests.support.waiting import wait_until

PROJECT = Path(__file__).resolve().parents[4]
SHOPLAUNCH = str(Path(sys.executable).with_name("shoplaunch"))


def run(*arguments, **environment):
    return subprocess.run(
        [SHOPLAUNCH, *map(str, arguments)], env={**os.environ, **environment}, capture_output=True, text=True
    )


@pytest.fixture
def packing(sample, mariadb_server):
    """A function: pack the sample shop, or what is in `docroot`, with the tests' own server for the proof; return the
    finished process."""
    root, url, password = sample

    def pack(*words, docroot=root, source=("--database", url)):
        more = ("--scratch", server_url(mariadb_server), *words)
        return run("pack", "--docroot", docroot, *source, *more, SHOPLAUNCH_SOURCE_PASSWORD=password)

    return pack


@pytest.fixture
def temporary():
    """A folder for temporary files of the test alone: every user may enter, its path is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="slpack"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def wait_for_scratch_server(process):
    """Read what a packer says until the phase is over in which its scratch server comes up."""
    for line in process.stderr:
        if line.startswith("scratch server"):
            return
    raise AssertionError("it ended without a scratch server")


@pytest.mark.sampled(of=2, rests=True)
def test_the_sample_shop_is_packed_with_its_password_from_the_environment(sample, tmp_path):
    root, url, password = sample
    target = tmp_path / "sample.bundle"
    done = run("pack", "--docroot", root, "--database", url, "-o", target, SHOPLAUNCH_SOURCE_PASSWORD=password)
    assert done.returncode == 0, done.stderr
    assert "prestashop" in done.stdout
    assert password not in done.stdout + done.stderr
    shown = run("bundle", "show", target, "--json")
    assert shown.returncode == 0, shown.stderr
    assert os.path.getsize(target) == json.loads(shown.stdout)["size"]


@pytest.mark.sampled(of=2, rests=True)
def test_json_gives_the_whole_manifest_and_check_leaves_no_bundle(packing, tmp_path):
    done = packing("-o", tmp_path / "x.bundle", "--check", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["manifest"]["application"]["name"] == "prestashop"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.sampled(of=3, rests=True)
def test_a_live_database_and_its_dump_give_the_same_bundle(sample, packing, mariadb_server, tmp_path):
    name = sample[1].split("/")[3].split("?")[0]
    dump = tmp_path / "shop.sql"
    with dump.open("wb") as out:
        subprocess.run(
            ["mariadb-dump", "--no-defaults", "-uroot", f"--socket={mariadb_server.socket}", name],
            stdout=out, check=True,
        )  # fmt: skip
    first, second = tmp_path / "1.bundle", tmp_path / "2.bundle"
    done = packing("-o", first)
    assert done.returncode == 0, done.stderr
    done = packing("-o", second, source=("--dump", dump))
    assert done.returncode == 0, done.stderr
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.sampled(of=3, rests=True)
def test_what_stays_out_is_reported_with_the_options_that_overrule_it(sample, packing, tmp_path):
    shop = tmp_path / "shop"
    shutil.copytree(sample[0], shop, symlinks=True)
    for link in shop.glob("*/bundles/*"):
        # An absolute one into the shop that was copied
        link.unlink()
    (shop / "docker").mkdir()
    (shop / "docker" / "run.sh").write_text("#!/bin/sh")
    (shop / "Makefile").write_text("all:")
    (shop / "notes.txt").write_text("mine")
    words = ("--check", "--keep", "docker", "--leave-out", "/notes.txt")
    done = packing(*words, docroot=shop)
    assert done.returncode == 0, done.stderr
    assert "--keep PATTERN" in done.stdout and "--leave-out PATTERN" in done.stdout
    left_out = json.loads(packing(*words, "--json", docroot=shop).stdout)["report"]["left_out"]
    assert left_out["--leave-out /notes.txt"] == {"count": 1, "bytes": 4, "examples": ["notes.txt"]}
    assert left_out[DEVELOPMENT]["examples"] == ["Makefile"]


@pytest.mark.parametrize("arguments", [[], ["--database", "mysql://a@b/c", "--dump", "x.sql"]])
def test_without_exactly_one_database_it_is_wrong_usage(tmp_path, arguments):
    assert run("pack", "--docroot", tmp_path, "-o", tmp_path / "x", *arguments).returncode == 2


def test_a_failure_is_shown_with_its_code_and_advice(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "d.sql").write_text("CREATE TABLE t (a int);\n")
    done = run("pack", "--docroot", tmp_path / "shop", "--dump", tmp_path / "d.sql", "-o", tmp_path / "x.bundle")
    assert done.returncode == 1
    assert "not_this_application" in done.stderr
    assert "What to do:" in done.stderr


def _lives(pid):
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_stopped_packing_leaves_no_process_behind(sample, tmp_path, temporary, number):
    root, url, password = sample
    out = tmp_path / "out"
    out.mkdir()
    process = subprocess.Popen(
        [SHOPLAUNCH, "pack", "--docroot", str(root), "--database", url, "-o", str(out / "x.bundle")],
        env={**os.environ, "SHOPLAUNCH_SOURCE_PASSWORD": password, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE, text=True,
        # A shell starts its background jobs with Ctrl-C ignored
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    wait_for_scratch_server(process)
    (directory,) = temporary.glob("shoplaunch-scratch-*")
    below = descendants(process.pid)
    assert int((directory / "pid").read_text()) in below
    # As a terminal does it for Ctrl-C, and `kill` for the others
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    _, said = process.communicate()
    assert process.returncode != 0
    assert "Traceback" not in said
    wait_until(lambda: not any(map(_lives, below)), "a process lives on")
    # After a SIGKILL nobody is left to remove it
    assert directory.exists() == (number == signal.SIGKILL)
    if number != signal.SIGKILL:
        assert list(out.iterdir()) == []


def test_the_source_password_never_reaches_the_scratch_server(sample, tmp_path, temporary):
    root, url, password = sample
    process = subprocess.Popen(
        [SHOPLAUNCH, "pack", "--docroot", str(root), "--database", url, "-o", str(tmp_path / "x.bundle")],
        env={**os.environ, "SHOPLAUNCH_SOURCE_PASSWORD": password, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for_scratch_server(process)
    (directory,) = temporary.glob("shoplaunch-scratch-*")
    server = (directory / "pid").read_text().strip()
    seen = Path(f"/proc/{server}/cmdline").read_bytes() + Path(f"/proc/{server}/environ").read_bytes()
    status = Path(f"/proc/{server}/status").read_text()
    process.terminate()
    process.communicate()
    assert password.encode() not in seen
    assert b"--skip-networking" in seen
    assert "Uid:\t0\t" not in status


@pytest.fixture
def common(sample):
    """The word that is the sample shop's database password for the test; a ZIP is among its files, too."""
    root = sample[0]
    parameters = root / "app" / "config" / "parameters.php"
    before = parameters.read_bytes()
    parameters.write_bytes(re.sub(rb"('database_password' => )'.*'", rb"\1'pears'", before))
    # Square brackets are a terminal library's own language
    (root / "modules" / "sounds[").mkdir()
    (root / "modules" / "sounds[" / "b].zip").write_bytes(b"PK\x03\x04" + bytes(40))
    yield "pears"
    shutil.rmtree(root / "modules" / "sounds[")
    parameters.write_bytes(before)


@pytest.mark.sampled(of=3, rests=True)
def test_what_is_not_searched_for_is_reported_by_its_label_and_stays_out_of_the_bundle(packing, common, tmp_path):
    done = packing("-o", tmp_path / "x.bundle", "--full")
    assert done.returncode == 0, done.stderr
    reported = done.stdout[done.stdout.index("Not searched") :]
    assert re.search(r"secret database_password +too common", reported), done.stdout[-3000:]
    assert re.search(r"files without placeholders +in base64", reported)
    assert "modules/sounds[/b].zip" in reported[reported.index("Compressed files not searched") :]
    shown = run("bundle", "show", tmp_path / "x.bundle", "--json").stdout
    for text in ("too common", "sounds[/b].zip", common):
        assert text not in shown
    assert common not in done.stdout + done.stderr
    document = json.loads(packing("-o", tmp_path / "x.bundle", "--check", "--json").stdout)
    reason = document["report"]["not_searched"]["secret database_password"]
    assert reason == "too common: searched only where it stands as a password near its user's or database's name"
    assert document["report"]["compressed_files_not_searched"] == ["modules/sounds[/b].zip"]


@pytest.mark.sampled(of=3, rests=True)
def test_the_report_begins_with_what_matters_and_ends_with_the_next_command(packing, tmp_path):
    target = tmp_path / "tea.bundle"
    done = packing("-o", target)
    lines = done.stdout.splitlines()
    first = lines[: lines.index("")]
    assert len(first) <= 10 and "PrestaShop 8.2.1" in first[0]
    assert lines[-1] == f"Next: shoplaunch bundle add tea {target}"
    # What only begins is cut between words; what matters most is whole
    assert len(lines) < 50 and all(len(line) <= 120 for line in lines[len(first) : -2])
    whole = packing("--full", "-o", target, "--replace")
    assert len(whole.stdout.splitlines()) > 100


def test_a_failure_ends_with_the_command_that_helps(sample, tmp_path):
    root, _, _ = sample
    (tmp_path / "shop.sql").write_text("CREATE TABLE `t` (`a` int);\nGRANT ALL ON *.* TO x;\n")
    done = run("pack", "--docroot", root, "--dump", tmp_path / "shop.sql", "-o", tmp_path / "x.bundle")
    assert done.returncode == 1
    assert "at line 2 (byte 28): GRANT ALL" in done.stderr
    assert done.stderr.splitlines()[-1] == f"Next: shoplaunch pack --docroot {root} --dump {tmp_path}/shop.sql --check"


def test_a_name_that_stands_in_a_large_part_of_the_programs_is_refused(sample, packing, tmp_path):
    shop = tmp_path / "shop"
    shutil.copytree(sample[0], shop, symlinks=True, ignore=shutil.ignore_patterns("bundles"))
    (shop / "modules" / "common").mkdir()
    for number in range(150):
        (shop / "modules" / "common" / f"{number}.php").write_text(f"<?php // http://{DOMAIN}/\n")
    target = tmp_path / "x.bundle"
    done = packing("-o", target, docroot=shop)
    said = " ".join(done.stderr.split())
    assert done.returncode == 1 and "needle_too_common" in said
    assert re.search(rf"'{DOMAIN}' would be replaced [0-9]+ times in 1[0-9]{{2}} of ", said), said
    assert not target.exists()
