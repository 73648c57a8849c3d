"""A reload comes later than the command that asks for it: what the panel tells as done is what the services do."""

import pwd
import subprocess
from pathlib import Path

import pytest

from controller.panels.local import accounts, config_files
from shared.errors import ShoplaunchError
from tests.support.servers.local_server import as_user, reload

pytestmark = pytest.mark.root

NEVER = ["true"]


def slowly(command):
    """Return a command that returns at once and runs `command` two seconds later."""
    return ["sh", "-c", '(sleep 2; exec "$@") </dev/null >/dev/null 2>&1 &', "sh", *command]


def refusal(operation):
    with pytest.raises(ShoplaunchError) as failure:
        operation()
    return failure.value


@pytest.fixture
def impatient(monkeypatch):
    """What never reloads gets a second to take a change."""
    real, usual = config_files._reload, config_files.TAKEN_SECONDS

    def reload(service):
        monkeypatch.setattr(config_files, "TAKEN_SECONDS", 1 if list(service.reload) == NEVER else usual)
        real(service)

    monkeypatch.setattr(config_files, "_reload", reload)


def test_the_site_of_an_account_that_is_reported_as_made_is_served_and_that_of_a_removed_one_is_not(server):
    panel = server.panel(apache_reload=slowly(server.settings().apache_reload))
    user = server.new_user()
    account = panel.ensure_account(user, f"{user}.test", create=True, email="")
    panel.put_file(account, "public_html/index.html", b"here", 0o644)
    assert server.get(account.domain) == (200, b"here")
    panel.remove_account(account)
    assert server.get(account.domain)[0] == 404


def test_a_changed_site_is_served_as_changed(server):
    account = server.new_account()
    changed = server.panel(document_root="other", apache_reload=slowly(server.settings().apache_reload))
    changed.put_file(account, "other/index.html", b"other", 0o644)
    changed.ensure_php(account, "7.2", None, [])
    assert server.get(account.domain) == (200, b"other")


def test_a_site_apache_does_not_read_is_reported_and_the_next_call_brings_it(server, impatient, monkeypatch):
    user = server.new_user()
    deaf = server.panel(apache_reload=NEVER)
    error = refusal(lambda: deaf.ensure_account(user, f"{user}.test", create=True, email=""))
    assert (error.code, error.retryable) == ("panel_refused", True)
    assert "Apache" in error.message
    monkeypatch.undo()
    account = server.panel().ensure_account(user, f"{user}.test", create=True, email="")
    server.panel().put_file(account, "public_html/index.html", b"here", 0o644)
    assert server.get(account.domain) == (200, b"here")


def test_a_site_apache_serves_on_is_reported_and_the_next_call_ends_it(server, impatient, monkeypatch):
    account = server.new_account()
    deaf = server.panel(apache_reload=NEVER)
    error = refusal(lambda: deaf.remove_account(account))
    assert (error.code, error.retryable) == ("panel_refused", True)
    monkeypatch.undo()
    server.panel().remove_account(account)
    assert server.get(account.domain)[0] == 404


def test_the_socket_of_a_pool_that_php_still_serves_stays_until_the_next_call_ends_it(server, impatient, monkeypatch):
    account = server.new_account()
    php = server.stack.local_settings()["php"][0]
    socket = Path(php["sockets"]) / f"shoplaunch-{account.user}-{php['version']}.sock"
    deaf = server.panel(php=[{**php, "reload": NEVER}])
    error = refusal(lambda: deaf.remove_account(account))
    assert (error.code, error.retryable) == ("panel_refused", True)
    assert "PHP" in error.message
    assert socket.exists()
    monkeypatch.undo()
    server.panel().remove_account(account)
    assert not socket.exists()
    # A listener without its path would be handed on from reload to reload, and answer for the next pool of that name
    reload(server.settings().php[0].reload)
    again = server.panel().ensure_account(account.user, account.domain, create=True, email="")
    server.panel().put_file(again, "public_html/index.php", b"<?php echo posix_geteuid();", 0o644)
    assert server.get(again.domain) == (200, str(pwd.getpwnam(again.user).pw_uid).encode())


def test_an_account_that_goes_while_it_is_looked_for_is_none(server, monkeypatch):
    user = server.new_user()
    home = str(server.home_base / user)
    subprocess.run(["useradd", "--no-create-home", "--home-dir", home, user], check=True, capture_output=True)
    real = accounts.pwd.getpwnam

    def found_and_gone(name):
        entry = real(name)
        subprocess.run(["userdel", name], check=True, capture_output=True)
        return entry

    monkeypatch.setattr(accounts.pwd, "getpwnam", found_and_gone)
    assert server.panel().find_account(user) is None
    monkeypatch.undo()
    assert as_user("nobody", "id", user).returncode != 0
