"""`shoplaunch setup` with a mail server that wants STARTTLS and a user: its certificate and the password are tried."""

import json
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from controller.panels.local.private_stack.stack import free_port
from controller.settings.loading import load_config
from tests.support.users.terminal import at_terminal

SHOPLAUNCH = str(Path(sys.executable).with_name("shoplaunch"))
USER, PASSWORD = "shops", "Pa$$ wörd"
EMAIL = "op@example.com"


class Server:
    """A real SMTP server for `localhost` that takes mails over TLS from USER alone; `received` are their texts."""

    def __init__(self, certificate):
        self.received, self.refused = [], 0
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        self._server = Controller(
            self, hostname="127.0.0.1", port=free_port(), ready_timeout=120, tls_context=context,
            require_starttls=True, auth_required=True, authenticator=self._judge,
        )  # fmt: skip
        self._server.start()
        self.port = self._server.port

    def _judge(self, _server, session, _envelope, _mechanism, given):
        right = session.ssl is not None and (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        self.refused += not right
        return AuthResult(success=right, handled=False)

    async def handle_DATA(self, _server, _session, envelope):
        self.received.append(envelope.content.decode())
        return "250 OK"

    def stop(self):
        self._server.stop()


@pytest.fixture
def server(tls_authority):
    made = Server(tls_authority.issue("localhost"))
    yield made
    made.stop()


@pytest.fixture
def environment(tmp_path, tls_authority):
    return {**os.environ, "SHOPLAUNCH_HOME": str(tmp_path / "home"), "SSL_CERT_FILE": str(tls_authority.file)}


def setup(environment, tmp_path, port, password=PASSWORD, **more):
    """Run `setup` with the mail server at `port`; return (exit code, what it says)."""
    (tmp_path / "password").write_text(f"{password}\n")
    mail = {"host": "localhost", "port": port, "starttls": True, "user": USER, "sender": "shops@example.com", **more}
    mail["password_file"] = str(tmp_path / "password")
    answers = {"public_url": "http://localhost:8000", "operator_email": EMAIL, "mail": mail}
    command = [SHOPLAUNCH, "setup", "--from", "-", "--json"]
    done = subprocess.run(command, env=environment, input=json.dumps(answers), capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_what_was_tried_is_what_alarms_are_sent_by(environment, tmp_path, server):
    code, said = setup(environment, tmp_path, server.port)
    assert code in (0, 3) and PASSWORD not in said, said
    # Nothing was sent for the trial
    assert (server.received, server.refused) == ([], 0)
    words = "from controller.settings.loading import load_config; from controller.billing.mail import Mail;"
    words += f"Mail(load_config().mail)._send('{EMAIL}', 'Alarm', 'Look here.', 'j', '<j@example.com>')"
    subprocess.run([sys.executable, "-c", words], env=environment, check=True)
    assert "Look here." in server.received[0] and EMAIL in server.received[0]


def test_a_wrong_password_is_named_and_nothing_is_made(environment, tmp_path, server):
    code, said = setup(environment, tmp_path, server.port, password="Nonsense7")
    assert code == 1 and f"mail: localhost:{server.port}: the mail server answered 535" in said
    assert "Nonsense7" not in said
    assert server.refused and not (tmp_path / "home").exists()


def test_a_certificate_of_nobody_known_is_named_and_the_password_is_not_sent(environment, tmp_path, server):
    del environment["SSL_CERT_FILE"]
    code, said = setup(environment, tmp_path, server.port)
    assert code == 1 and "CERTIFICATE_VERIFY_FAILED" in said.upper().replace(" ", "_"), said
    assert server.refused == 0 and not (tmp_path / "home").exists()


def test_a_server_that_wants_tls_is_not_spoken_to_without(environment, tmp_path, server):
    code, said = setup(environment, tmp_path, server.port, starttls=False)
    assert code == 1 and f"mail: localhost:{server.port}" in said, said
    assert server.refused == 0 and not (tmp_path / "home").exists()


def test_at_a_terminal_the_password_is_asked_for_unseen_and_kept_closed(environment, server):
    answers = [
        ("Public address", "http://localhost:8000"), ("e-mail", EMAIL),
        ("Mail server", f"localhost:{server.port}"), ("STARTTLS", "y"), ("User there", USER),
        ("Password there", "wrong"), ("Sender", "shops@example.com"), ("Keep it", "n"),
        ("Mail server", f"localhost:{server.port}"), ("STARTTLS", "y"), ("User there", USER),
        ("Password there", PASSWORD), ("Sender", "shops@example.com"), ("first server", ""),
    ]  # fmt: skip
    code, shown = at_terminal([SHOPLAUNCH, "setup"], environment, answers, columns=200)
    assert code in (0, 3) and "Next: `shoplaunch serve`" in shown, shown
    assert PASSWORD not in shown
    config = load_config(environment)
    kept = Path(config.mail.password_file)
    assert (config.mail.password(), kept.stat().st_mode & 0o077) == (PASSWORD, 0)
    assert (config.mail.starttls, config.mail.user) == (True, USER)
