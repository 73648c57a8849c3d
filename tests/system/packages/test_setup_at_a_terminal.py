"""`shoplaunch setup` as it is typed at a terminal where the package is installed: it ends with a command that works."""

import re
import stat

import pytest

from tests.support.users.terminal import at_terminal
from tests.support.waiting import wait_until
from tests.system.packages.machines.machine import Machine
from tests.system.packages.machines.operating import STATE, UNITS, is_active, main_process, rows

pytestmark = [pytest.mark.root, pytest.mark.nightly]
SETTINGS, TOKEN = "/etc/shoplaunch/shoplaunch.toml", "/etc/shoplaunch/cp1.token"
#: Greets who comes, and takes nothing.
MAIL_SERVER = r"""
import socketserver
class Greeting(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            self.wfile.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 fine\r\n")
socketserver.ThreadingTCPServer(("127.0.0.1", 2525), Greeting).serve_forever()
"""
#: What is asked -> what is typed: to each question something wrong first.
TYPED = [
    ("Public address", "http://control.example.com"),
    ("must be https", "http://127.0.0.1:8000"),
    ("e-mail address", "nobody"),
    ("email_invalid", "operator@example.com"),
    ("Mail server", "127.0.0.1:2526"),
    ("STARTTLS", "perhaps"),
    ("invalid input", "n"),
    ("User there", ""),
    ("Sender of mails", ""),
    ("Keep it", "n"),
    ("Mail server", "127.0.0.1:2525"),
    ("STARTTLS", "n"),
    ("User there", ""),
    ("Sender of mails", ""),
    ("first server", "web 1"),
    ("Its panel", "plesk"),
    ("is not one of", "cpanel"),
    ("Its address", "https://127.0.0.1:2087"),
    ("Its user", "reseller"),
    ("API token", TOKEN),
    ("server.name is", "cp1"),
    ("Its panel", "cpanel"),
    ("Its address", "https://127.0.0.1:2087"),
    ("Its user", "reseller"),
    ("API token", "/etc/shoplaunch/none.token"),
    ("none.token", "cp1"),
    ("Its panel", "cpanel"),
    ("Its address", "https://127.0.0.1:2087"),
    ("Its user", "reseller"),
    ("API token", TOKEN),
    ("Keep it", "y"),
]


@pytest.fixture
def machine(package, tmp_path):
    made = Machine(tmp_path / "typed")
    try:
        made.run("dpkg", "-i", made.give(package))
        made.path("/var/tmp/mails.py").write_text(MAIL_SERVER)
        made.run("systemd-run", "--quiet", "--unit=mails", "python3", "-B", "/var/tmp/mails.py")
        made.path(TOKEN).write_text("A" * 32 + "\n")
        made.run("sh", "-ec", f"chown root:shoplaunch {TOKEN}; chmod 640 {TOKEN}")
        yield made
    finally:
        made.close()


def test_each_question_is_answered_and_what_it_says_next_starts_the_service(machine):
    wait_until(lambda: is_active(machine, "mails"))
    code, said = at_terminal(
        machine.words("env", "TERM=xterm", "shoplaunch", "setup"), {"PATH": "/usr/bin:/bin"}, TYPED, columns=200
    )
    assert code == 0, said
    assert re.search(r"Operator: admin\nPassword: \S+", said) and "Servers: cp1" in said
    # All of it is the user's whose service it is, and closed
    assert machine.run("find", STATE, "!", "-user", "shoplaunch", "!", "-type", "l") == ""
    assert machine.run("stat", "-c", "%U %a", SETTINGS).split() == ["shoplaunch", "640"]
    assert stat.S_IMODE(machine.path(f"{STATE}/keys").stat().st_mode) == 0o700
    (following,) = re.findall(r"^Next: `([^`]+)`", said, re.MULTILINE)
    machine.run(*following.split())
    assert all(is_active(machine, unit) for unit in UNITS)
    red = lambda: {row["name"] for row in rows(machine) if not row["ok"]}  # noqa: E731
    wait_until(lambda: red() and all(name.startswith("cp1") for name in red()))
    # Run again, it knows what was answered, and the service goes on
    before = {main_process(machine, unit) for unit in UNITS}
    again = [
        ("Public address", ""),
        ("e-mail", ""),
        ("Mail server", ""),
        ("STARTTLS", ""),
        ("User", ""),
        ("Sender", ""),
    ]
    code, said = at_terminal(
        machine.words("env", "TERM=xterm", "shoplaunch", "setup"), {"PATH": "/usr/bin:/bin"}, again, columns=200
    )
    assert code == 0 and "Password: " not in said, said
    assert before == {main_process(machine, unit) for unit in UNITS}
