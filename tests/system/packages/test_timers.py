"""The package's timers begin by the service manager's own clock: a backup is made, and what is over goes."""

import re

import pytest

from controller.backups.sealing import MAGIC
from tests.pages import PROJECT
from tests.support.waiting import wait_until
from tests.system.packages.machines.machine import Machine
from tests.system.packages.machines.operating import BACKUPS, PAGE, STATE, TIMERS, log_of, rows

pytestmark = [pytest.mark.root, pytest.mark.nightly]
#: In the place of each night; without the delay that keeps many machines apart.
OFTEN = "[Timer]\nOnCalendar=\nOnCalendar=*:*:0/5\nRandomizedDelaySec=0\nAccuracySec=1s\n"
PUNCTUAL = "[Timer]\nRandomizedDelaySec=0\nAccuracySec=1s\n"
FORMER = "/opt/shoplaunch/environments/0123456789abcdef-3.13"
#: Days ago -> whether the backup, and what was noted in the audit log then, stay.
BACKUPS_OF = {20: False, 10: True}
NOTES_OF = {800: False, 700: True}
NOTES = f"""
import sqlite3, sys, time
with sqlite3.connect("{STATE}/shoplaunch.db") as database:
    for days in sys.argv[1:]:
        values = (time.time() - int(days) * 86400, "somebody", days + " days ago")
        database.execute("INSERT INTO audit (at, user, action, detail) VALUES (?, ?, 'noted', ?)", values)
    print(*[row[0].split()[0] for row in database.execute("SELECT detail FROM audit WHERE action = 'noted'")])
"""


@pytest.fixture
def machine(package, tmp_path):
    """A machine with an installation, old backups and old notes; no worker runs."""
    made = Machine(tmp_path / "nightly")
    try:
        made.run("dpkg", "-i", made.give(package))
        # As the page says it of backups that are encrypted
        page = (PROJECT / PAGE).read_text("utf-8")
        (install,) = re.findall(r"`(install [^`]* backup-passphrase [^`]*)`", page)
        (named,) = re.findall(r"`(backup_passphrase_file = [^`]*)`", page)
        made.run("sh", "-ec", f"cd /var/tmp; echo correct horse battery staple >backup-passphrase; {install}")
        settings = made.path("/etc/shoplaunch/shoplaunch.toml")
        settings.write_text(f"{named}\n{settings.read_text()}")
        made.run("shoplaunch", "init", "--operator-email", "operator@example.com")
        # It removes what is over as well, at its start: here the timer alone does
        made.run("systemctl", "disable", "--quiet", "--now", "shoplaunch-worker")
        for days in BACKUPS_OF:
            old = f"{BACKUPS}/20{days}0101T000000Z.backup"
            made.run("sh", "-ec", f"touch -d '{days} days ago' {old}; chown shoplaunch: {old}")
        # As an upgrade leaves it that overtook a command
        made.run("sh", "-ec", f"install -d {FORMER}/lib; touch {FORMER}/complete")
        made.path("/var/tmp/notes.py").write_text(NOTES)
        assert noted(made, *NOTES_OF) == set(NOTES_OF)
        yield made
    finally:
        made.close()


def noted(machine, *days):
    """Note something in the audit log as of so many `days` ago; return the days of all such notes."""
    owner = ("setpriv", "--reuid=shoplaunch", "--regid=shoplaunch", "--clear-groups")
    return {int(one) for one in machine.run(*owner, "python3", "-B", "/var/tmp/notes.py", *days).split()}


def set_timers(machine, lines):
    for name in TIMERS:
        folder = machine.path(f"/etc/systemd/system/{name}.timer.d")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "nightly.conf").write_text(lines)
    machine.run("systemctl", "daemon-reload")


def begun_by_timer(machine, name):
    """Return whether the timer has fired since the machine began, and its service has ended well."""
    fired = machine.run("systemctl", "show", "--property=LastTriggerUSecMonotonic", "--value", f"{name}.timer")
    shown = machine.run("systemctl", "show", "--property=Result,ExecMainExitTimestampMonotonic", f"{name}.service")
    assert "Result=success" in shown, log_of(machine, name)
    return fired.strip() not in ("", "0") and "ExecMainExitTimestampMonotonic=0" not in shown


def made_backups(machine):
    return sorted(path.name for path in machine.path(BACKUPS).glob("20[2-9][0-9]*.backup") if path.stat().st_size)


def require_done(machine):
    """Require what a night leaves: a whole backup, of the old ones those of two weeks, and nothing that is over."""
    last = made_backups(machine)[-1]
    assert machine.path(f"{BACKUPS}/{last}").read_bytes().startswith(MAGIC)
    assert "is whole" in machine.run("shoplaunch", "backup", "--verify", f"{BACKUPS}/{last}")
    days = {days for days in BACKUPS_OF if machine.path(f"{BACKUPS}/20{days}0101T000000Z.backup").exists()}
    assert days == {days for days, stays in BACKUPS_OF.items() if stays}
    assert noted(machine) == {days for days, stays in NOTES_OF.items() if stays}
    assert "Removed: " in log_of(machine, "shoplaunch-retention")
    assert not machine.path(FORMER).exists()
    machine.run("shoplaunch", "--version")
    assert {row["name"]: row["ok"] for row in rows(machine)}["backups"]


def test_timers_begin_by_themselves_again_and_again(machine):
    set_timers(machine, OFTEN)
    machine.run("systemctl", "restart", *(f"{name}.timer" for name in TIMERS))
    wait_until(lambda: len(made_backups(machine)) > 1)
    wait_until(lambda: all(begun_by_timer(machine, name) for name in TIMERS))
    require_done(machine)


def test_a_night_in_which_the_machine_was_off_is_made_up_for_at_its_start(machine):
    set_timers(machine, PUNCTUAL)
    for name in TIMERS:
        machine.run("touch", "-d", "3 days ago", f"/var/lib/systemd/timers/stamp-{name}.timer")
    assert made_backups(machine) == []
    machine.reboot()
    wait_until(lambda: made_backups(machine) and all(begun_by_timer(machine, name) for name in TIMERS))
    require_done(machine)
