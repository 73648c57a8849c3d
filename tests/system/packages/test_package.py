"""`make deb`: a package that a host installs in a minute, without network, and that leaves nothing behind."""

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.pages import PROJECT
from tests.support.waiting import wait_until
from tests.system.packages.conftest import build

pytestmark = pytest.mark.root
STATE, SETTINGS, BACKUPS = "/var/lib/shoplaunch", "/etc/shoplaunch/shoplaunch.toml", "/var/backups/shoplaunch"
ENVIRONMENTS = "/opt/shoplaunch/environments"


def install(tree, package):
    return tree.run("dpkg", "-i", tree.give(package))


def red_rows(tree):
    rows = json.loads(tree.run("shoplaunch", "doctor", "--json", code=1))
    return {row["name"] for row in rows if not row["ok"]}


@pytest.mark.sampled(of=3, rests=True)
def test_two_builds_of_a_commit_give_the_same_bytes(package, tmp_path):
    again = build(tmp_path)
    assert Path(again).name == Path(package).name
    assert Path(again).read_bytes() == Path(package).read_bytes()


@pytest.mark.skipif(not (PROJECT / ".git").exists(), reason="not a clone: git does not say which files there are")
def test_the_package_carries_every_module_page_and_script(package, tmp_path):
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path], check=True)
    (wheel,) = (tmp_path / "opt" / "shoplaunch" / "wheels").glob("shoplaunch-*.whl")
    listed = ["git", "-C", str(PROJECT), "ls-files", "agent", "controller", "shared"]
    known = subprocess.run(listed, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    carried = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in known if not name.endswith((".md", "/babel.cfg"))} - carried == set()
    page = (
        subprocess.run(
            ["man", "--warnings", "-l", str(tmp_path / "usr/share/man/man1/shoplaunch.1.gz")],
            capture_output=True,
            text=True,
        )
        if Path("/usr/bin/man").exists()
        else None
    )
    assert page is None or (page.stderr == "" and "skeleton install" in page.stdout)


def test_a_shell_completes_commands_with_what_the_package_carries(package, tmp_path):
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path], check=True)
    script = tmp_path / "usr/share/bash-completion/completions/shoplaunch"
    code = 'COMP_WORDS=(shoplaunch skeleton inst); COMP_CWORD=2; _shoplaunch_completion shoplaunch; echo "$COMPREPLY"'
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = ["bash", "--norc", "-c", f". '{script}'; {code}"]
    done = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("install\n", "")


def test_the_bill_of_materials_names_every_wheel_by_its_digest(package, tmp_path):
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path], check=True)
    bill = json.loads(Path(package).with_suffix(".cdx.json").read_text())
    named = {one["hashes"][0]["content"] for one in bill["components"]}
    assert named == {
        hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in tmp_path.glob("opt/shoplaunch/*/*.whl")
    }
    assert {"Flask", "ecdsa", "shoplaunch"} <= {one["name"] for one in bill["components"]}


def give_nobody_what_a_link_leads_to(tree):
    """The user shoplaunch may put a link in place of the settings: the next configuration cannot read
    settings, and changes no file behind it."""
    closed = "/root/closed"
    tree.run(
        "sh", "-c", f"echo closed > {closed} && chmod 600 {closed} && mv {SETTINGS} /root && ln -s {closed} {SETTINGS}"
    )
    tree.run(
        "env", "DPKG_MAINTSCRIPT_PACKAGE=shoplaunch", "/var/lib/dpkg/info/shoplaunch.postinst", "configure", code=1
    )
    assert tree.run("stat", "-c", "%U %a", closed).split() == ["root", "600"]
    tree.run("mv", "-T", f"/root/{Path(SETTINGS).name}", SETTINGS)


def name_what_only_root_may_read(tree):
    """Root's commands run as the user shoplaunch: of files of root's own they say so, and what helps then."""
    tree.run("sh", "-c", "umask 077; echo ABCDEFGHIJ0123456789 >/root/given; cp /root/given /var/tmp")
    server = ("server", "add", "cp1", "--panel", "cpanel", "--url", "https://cp1.example.com:2087", "--user", "root")
    for file in ("/root/given", "/var/tmp/given"):
        asked = (("bundle", "show", file), ("bundle", "add", "classic", file), ("backup", "--verify", file))
        asked += (("user", "add", "omid", "--password-file", file), ("certificate", "--verify", file))
        for words in (*asked, ("restore", file), (*server, "--token-file", file), ("setup", "--from", file)):
            said = tree.run("sh", "-c", 'shoplaunch "$@"; test $? != 0', "sh", *words)
            assert "for the user shoplaunch" in said and f"`install -o shoplaunch -m 600 FILE {STATE}/`" in said
            assert "does not exist" not in said and "Run the command as root" not in said
    assert BACKUPS in tree.run("shoplaunch", "backup", "/root/mine.backup", code=1)
    # What helps is so
    tree.run("install", "-o", "shoplaunch", "-m", "600", "/root/given", f"{STATE}/")
    assert "for the user" not in tree.run("shoplaunch", "bundle", "show", f"{STATE}/given", code=1)
    tree.run("rm", "/root/given", "/var/tmp/given", f"{STATE}/given")


def test_an_installed_package_serves_and_purged_it_leaves_its_backups_alone(package, tree):
    said = install(tree, package)
    assert "Next: `shoplaunch setup`" in said
    tree.run("dpkg", "--verify", "shoplaunch")

    shown = json.loads(tree.run("shoplaunch", "init", "--operator-email", "operator@example.com", "--json"))
    assert (shown["home"], shown["agent"], shown["operator_email"]) == (STATE, True, "operator@example.com")
    assert 'operator = "operator@example.com"' in tree.path(SETTINGS).read_text()
    owners = set(tree.run("find", STATE, "-printf", "%u\n").split())
    assert owners <= {"shoplaunch", "root"} and tree.run("find", STATE, "-user", "root").split() == [
        f"{STATE}/shoplaunch.toml"
    ]

    advised = {row["name"]: row["advice"] for row in json.loads(tree.run("shoplaunch", "doctor", "--json", code=1))}
    assert "`systemctl start shoplaunch-web shoplaunch-worker`" in advised["web"] and "`shoplaunch serve`" not in str(
        advised
    )
    service = tree.start("shoplaunch", "serve")
    # Nobody delivers mail there, and no server is known yet
    wait_until(lambda: red_rows(tree) <= {"mail", "servers"})
    assert tree.stop(service, "shoplaunch", "serve") == 0
    versions = json.loads(tree.run("shoplaunch", "--version", "--json"))
    assert bool(versions["commit"]) == (PROJECT / ".git").exists() and versions["python"].startswith("3.")

    name_what_only_root_may_read(tree)
    tree.run("shoplaunch", "backup", f"{BACKUPS}/last.backup")
    give_nobody_what_a_link_leads_to(tree)
    tree.run("dpkg", "--remove", "shoplaunch")
    assert tree.path(f"{STATE}/keys").is_dir() and tree.path(SETTINGS).exists()
    said = tree.run("dpkg", "--purge", "shoplaunch")
    assert BACKUPS in said
    tree.run("rm", "-r", BACKUPS)
    assert tree.written("*shoplaunch*") == []
    tree.run("getent", "passwd", "shoplaunch", code=2)


def test_where_there_is_no_room_nothing_of_the_attempt_stays_and_the_package_can_be_removed(package, tree):
    tree.run("mkdir", "-p", ENVIRONMENTS)
    tree.run("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", ENVIRONMENTS)
    said = tree.run("dpkg", "-i", tree.give(package), code=1)
    assert f"Make room in {ENVIRONMENTS}" in said and "`dpkg --configure -a`" in said
    assert "`dpkg --configure -a`" in tree.run("shoplaunch", "--version", code=1)
    tree.run("mount", "-o", "remount,rw,size=4m", ENVIRONMENTS)
    assert f"Make room in {ENVIRONMENTS}" in tree.run("dpkg", "--configure", "shoplaunch", code=1)
    assert list(tree.path(ENVIRONMENTS).iterdir()) == []
    tree.path(f"{ENVIRONMENTS}/left").mkdir()
    # A disk of its own stays mounted
    tree.run("dpkg", "--purge", "shoplaunch")
    assert list(tree.path(ENVIRONMENTS).iterdir()) == []
    tree.run("umount", ENVIRONMENTS)
    tree.run("rmdir", ENVIRONMENTS, ENVIRONMENTS.rpartition("/")[0])
    assert tree.written("*shoplaunch*") == []


def test_a_purge_empties_a_state_that_has_a_disk_of_its_own_and_goes_on(tree):
    tree.run("mkdir", "-p", STATE, "/etc/shoplaunch")
    tree.run("mount", "-t", "tmpfs", "tmpfs", STATE)
    tree.run("mkdir", f"{STATE}/bundles")
    tree.run("mount", "-t", "tmpfs", "tmpfs", f"{STATE}/bundles")
    tree.run("touch", f"{STATE}/shoplaunch.db", f"{STATE}/bundles/classic.bundle")
    tree.run("sh", tree.give(PROJECT / "packaging" / "debian" / "postrm"), "purge")
    assert tree.run("find", STATE, "!", "-type", "d") == "" and not tree.path("/etc/shoplaunch").exists()
    # Nobody of a number that is free again may write there
    assert tree.run("stat", "-c", "%U", STATE) == "root\n"


def test_a_purge_keeps_what_living_shops_of_this_machine_are_served_through_and_nothing_else(tree):
    pools, timers, lines = (
        "/etc/php/8.4/fpm/pool.d",
        "/var/lib/systemd/timers",
        "/etc/systemd/system/shoplaunch-web.service.d",
    )
    tree.run("mkdir", "-p", pools, timers, lines, f"{STATE}/sockets", f"{STATE}/keys", "/etc/shoplaunch")
    tree.run("touch", f"{timers}/stamp-shoplaunch-backup.timer", f"{lines}/local-panel.conf")
    pool = f"{pools}/shoplaunch.conf"
    tree.path(pool).write_text(f"[shoplaunch-alice]\nlisten = {STATE}/sockets/shoplaunch-alice-8.4.sock\n")
    purge = ("sh", tree.give(PROJECT / "packaging" / "debian" / "postrm"), "purge")
    assert f"{STATE}/sockets" in tree.run(*purge)
    kept = {pool.lstrip("/"), STATE.lstrip("/")}
    assert set(tree.written("*shoplaunch*")) == kept and [path.name for path in tree.path(STATE).iterdir()] == [
        "sockets"
    ]
    tree.path(pool).unlink()
    tree.run(*purge)
    assert tree.written("*shoplaunch*") == []
