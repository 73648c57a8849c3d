"""Whatever values a panel's answer holds, a call ends in a result or in an error of the catalogue."""

import random
import re

import pytest

from controller.account import Account
from controller.panels.base import Prepared, SkeletonFiles
from controller.panels.cpanel.account.file_rows import mode_of, size_of
from controller.panels.cpanel.api import whm
from controller.panels.cpanel.api.call_limits import ProcessBreaker
from controller.panels.cpanel.driver import CpanelPanel
from controller.panels.cpanel.operations import allowed
from controller.panels.cpanel.settings import CpanelSettings
from shared.errors import ShoplaunchError
from tests.attacks.table import attack

#: How many made-up panels each call meets.
PANELS = 250
KEYS = re.findall(
    r"\w+",
    """
    metadata result reason data acct user domain plan suspended status errors uapi cpanelresult event error homedir
    documentroot main_domain addon_domains sub_domains parked_domains file size type mode nicemode fullpath dirs files
    content prefix version versions database databases users nameservers pkg name QUOTA MAXSQL php_version vhost
    linekey command minute hour count privileges megabyte_limit megabytes_remain inode_limit ip server host port
    """,
)
PLAIN = (
    None, True, False, 0, 1, -1, 10**30, 1.5, "", "1", "alice", "shop.example", "x" * 50, "/home/alice", ".shoplaunch",
    "state.json",
)  # fmt: skip
ACCOUNT = Account("alice", "/home/alice", "/home/alice/public_html", "shop.example")
FILES = SkeletonFiles(b"launcher", b"agent")
STATE = ".shoplaunch/state.json"
PREPARED = Prepared("alice_shop", "alice_shop", "* * * * * x # shoplaunch:j", FILES)


def verified(panel):
    panel.prepare_together("alice", "shop.example")
    panel.verify_prepared(ACCOUNT, PREPARED)


CALLS = {
    "check": lambda panel: panel.check(),
    "find_account": lambda panel: panel.find_account("alice"),
    "ensure_account": lambda panel: panel.ensure_account("alice", "shop.example", create=True, email="a@example.com"),
    "list_accounts": lambda panel: panel.list_accounts(),
    "remove_account": lambda panel: panel.remove_account(ACCOUNT),
    "database_names": lambda panel: panel.database_names(ACCOUNT),
    "database_endpoint": lambda panel: panel.database_endpoint(ACCOUNT),
    "ensure_database": lambda panel: panel.ensure_database(ACCOUNT, "alice_shop"),
    "ensure_database_user": lambda panel: panel.ensure_database_user(ACCOUNT, "alice_shop", "password"),
    "ensure_privileges": lambda panel: panel.ensure_privileges(ACCOUNT, "alice_shop", "alice_shop"),
    "has_database": lambda panel: panel.has_database(ACCOUNT, "alice_shop"),
    "has_database_user": lambda panel: panel.has_database_user(ACCOUNT, "alice_shop"),
    "holds_tables": lambda panel: panel.holds_tables(ACCOUNT, "alice_shop"),
    "remove_database": lambda panel: panel.remove_database(ACCOUNT, "alice_shop"),
    "remove_database_user": lambda panel: panel.remove_database_user(ACCOUNT, "alice_shop"),
    "ensure_php": lambda panel: panel.ensure_php(ACCOUNT, "7.4", "8.2", []),
    "site_address": lambda panel: panel.site_address(ACCOUNT),
    "request_tls": lambda panel: panel.request_tls(ACCOUNT),
    "tls_problems": lambda panel: panel.tls_problems(ACCOUNT),
    "name_servers": lambda panel: panel.name_servers(ACCOUNT),
    "read_file": lambda panel: panel.read_file(ACCOUNT, STATE),
    "put_file": lambda panel: panel.put_file(ACCOUNT, STATE, b"{}", 0o600),
    "list_folder": lambda panel: panel.list_folder(ACCOUNT, ".shoplaunch"),
    "home_entries": lambda panel: panel.home_entries(ACCOUNT),
    "file_sha256": lambda panel: panel.file_sha256(ACCOUNT, ".shoplaunch/agent.pyz"),
    "holds_bundle": lambda panel: panel.holds_bundle(ACCOUNT, "0" * 64, 5),
    "ensure_agent": lambda panel: panel.ensure_agent(ACCOUNT, FILES),
    "remove_agent": lambda panel: panel.remove_agent(ACCOUNT),
    "ensure_cron": lambda panel: panel.ensure_cron(ACCOUNT, PREPARED.cron_line),
    "cron_lines": lambda panel: panel.cron_lines(ACCOUNT),
    "remove_cron": lambda panel: panel.remove_cron(ACCOUNT, "shoplaunch:j"),
    "cron_interval_seconds": lambda panel: panel.cron_interval_seconds(ACCOUNT),
    "packages": lambda panel: panel.packages(),
    "verify_prepared": verified,
}


def value(dice, depth=0):
    kind = dice.randrange(12 if depth < 5 else 7)
    if kind < 7:
        return dice.choice(PLAIN)
    if kind < 9:
        return [value(dice, depth + 1) for _ in range(dice.randrange(4))]
    return {dice.choice(KEYS): value(dice, depth + 1) for _ in range(dice.randrange(8))}


def document(dice):
    """Return an answer that says yes, with anything in it, or anything at all."""
    data = value(dice)
    listed = data if isinstance(data, list) else [data]
    shape = dice.randrange(6)
    return (
        data,
        {"metadata": {"result": 1}, "data": data},
        {"metadata": {"result": 1}, "data": {"uapi": {"status": 1, "data": data}}},
        {"metadata": {"result": 1}, "data": {"cpanelresult": {"data": data, "event": {"result": 1}}}},
        {"cpanelresult": {"data": listed, "event": {"result": 1}}},
        {"metadata": {"result": 1}, "data": {"acct": listed, "pkg": [data], "nameservers": data}},
    )[shape]


@attack(
    "A panel says a number that no program counts with: without an end, of another script, or of thousands of digits",
    "it counts as none, and the call goes on",
)
@pytest.mark.parametrize("number", ["²", "1e999", "-inf", "9" * 5000, float("inf")], ids=lambda one: str(one)[:8])
def test_numbers_nobody_counts_with_are_none(monkeypatch, number):
    row = {"file": "a", "type": "file", "nicemode": number, "size": number, "name": "p", "MAXSQL": number}
    found = {"metadata": {"result": 1}, "data": {"pkg": [row | {"QUOTA": number}], "acct": []}}
    monkeypatch.setattr(whm.Whm, "_post", lambda *_call: found)
    panel = CpanelPanel(
        whm.Login("web1", "https://web1.example:2087", "root", "TOKEN"), CpanelSettings.from_dict({}), ProcessBreaker()
    )
    assert [one.name for one in panel.packages()] == ["p"]
    assert (mode_of(row), size_of(row), allowed(row, "MAXSQL")) == (None, None, None)


@pytest.mark.sampled(of=3)
@attack(
    "A panel says yes and answers with numbers for lists, lists for texts, or nothing",
    "the call ends in a result or in an error of the catalogue, never in a traceback",
)
@pytest.mark.parametrize("name", CALLS)
def test_answers_of_any_shape_end_in_a_result_or_an_error_of_the_catalogue(name, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    for seed in range(PANELS):
        dice = random.Random(f"{name} {seed}")
        monkeypatch.setattr(whm.Whm, "_post", lambda *_call, dice=dice: document(dice))
        panel = CpanelPanel(
            whm.Login("web1", "https://web1.example:2087", "root", "TOKEN"),
            CpanelSettings.from_dict({}),
            ProcessBreaker(),
        )
        try:
            CALLS[name](panel)
        except ShoplaunchError:
            continue
        except Exception as problem:
            raise AssertionError(f"panel {seed} of {name}: {problem!r}") from problem
