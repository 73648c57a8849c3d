"""Scripts that PHP has compiled of one shop are not run in the next, and none stays of a shop that was taken back."""

from pathlib import Path

import pytest

from tests.support.servers.local_server import as_user

pytestmark = pytest.mark.root


def shown(server, account, word):
    """The account's page, as old as any other of the test's; return what it answers."""
    server.panel().put_file(account, "public_html/index.php", f"<?php echo '{word}';".encode(), 0o644)
    done = as_user(account.user, "touch", "-d", "2020-01-01", f"{account.document_root}/index.php")
    assert done.returncode == 0
    return server.get(account.domain)


def test_a_new_shop_whose_files_are_as_old_as_the_former_ones_runs_its_own(server, panel):
    account = server.new_account()
    assert shown(server, account, "former") == (200, b"former")
    shown(server, account, "new")
    panel.mend_php(account, "7.0", None, [])
    assert server.get(account.domain) == (200, b"new")


def test_nothing_compiled_stays_of_a_shop_that_was_taken_back(server, panel):
    account = server.new_account()
    assert shown(server, account, "shop") == (200, b"shop")
    panel.remove_agent(account)
    assert not list(Path(account.home, ".php").rglob("*.bin"))


def test_a_link_in_the_place_of_what_php_compiled_leads_nowhere(server, panel):
    account = server.new_account()
    name = "0123456789abcdef" * 2
    done = as_user(account.user, "ln", "-s", account.document_root, f"{account.home}/.php/{name}")
    assert done.returncode == 0
    assert shown(server, account, "shop") == (200, b"shop")
    panel.remove_agent(account)
    assert not Path(account.home, ".php", name).is_symlink()
    assert server.get(account.domain) == (200, b"shop")
