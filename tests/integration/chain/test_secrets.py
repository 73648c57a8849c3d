"""No secret is in an address, a log or a row where it need not be: all between the two ends is looked through."""

import json
import os
import re
import signal
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.integration.chain.outcome import READY
from tests.support.machine.resources import descendants, stand_still
from tests.support.traces import Traces
from tests.support.worlds.chain import Sold

#: Where WHMCS keeps the addon's secret and its logins to servers.
HOLDERS = ("tbladdonmodules", "tblservers")
#: Where a shop has its database's password, and where it copies it to when it is visited.
SETTINGS, CACHE = "app/config/parameters.php", "var/cache/prod/appParameters.php"
#: What the back office compiles for itself when somebody signs in, as the controller has by then.
COMPILED = "var/cache/prod/container.php"
#: Where PHP keeps the account's compiled scripts (services/php_memory.py of panel `local`).
SCRIPTS = ".php"
_LINK = re.compile(r'https?://[^\s"<]+/credentials/[^\s"<]+')
_SHOWN = re.compile(r'id="password">([^<]+)<')


@dataclass
class Watched:
    """A shop that lives, with what was seen of its agent in the middle of its work."""

    sold: Sold
    command_lines: bytes
    files: dict


@pytest.fixture(scope="module")
def shops(chain, servers):
    """A shop as root with skeleton, and one as reseller without."""
    return [watched(chain, chain.sell(servers[name])) for name in ("cp-root", "cp-bare")]


def watched(chain, sold):
    """Build the shop; look into the account in the middle."""
    job = chain.job(sold)
    chain.dropped(job)
    agent = chain.start_agent(sold)
    chain.whole.wait(job, "restoring", "failed", "live")
    os.killpg(agent.pid, signal.SIGSTOP)
    stand_still([agent.pid, *descendants(agent.pid)])
    home = Path(sold.server.whm.account(sold.account).home)
    lines = b"\n".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if is_of(path, home))
    files = {path.name: path.read_bytes() for path in (home / ".shoplaunch").iterdir() if path.is_file()}
    os.killpg(agent.pid, signal.SIGCONT)
    chain.left(sold, agent)
    chain.whole.live(job)
    return Watched(sold, lines, files)


def is_of(path, home):
    """Return whether a process runs as the account that owns `home`."""
    try:
        return path.stat().st_uid == home.stat().st_uid
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def passwords(chain, shops):
    """The passwords of both shops: what it is -> the password."""
    found = {}
    for shop in shops:
        root = Path(shop.sold.server.whm.account(shop.sold.account).document_root_path)
        text = (root / SETTINGS).read_text()
        found[f"database of {shop.sold.account}"] = re.search(r"'database_password' => '([^']+)'", text).group(1)
        (ready,) = chain.mails(shop.sold, READY)
        page = requests.post(_LINK.search(ready["message"]).group(), timeout=120).text
        found[f"administrator of {shop.sold.account}"] = _SHOWN.search(page).group(1)
    return found


@pytest.fixture(scope="module")
def traces(chain, passwords):
    """Finds every secret there is (tests.support.traces.Traces)."""
    return Traces({**chain.secrets, **passwords})


@pytest.mark.sampled(of=3, rests=True)
def test_no_secret_is_in_an_address(chain, shops, traces):
    for server in chain.servers.values():
        server.whm.check()
    for shop in shops:
        chain.page_of_the_account(shop.sold)
    paths = "\n".join(path for path, _body in chain.api.raw)
    pages = (chain.addon.folder / "web.log").read_bytes()
    assert traces.found_in(paths.encode()) == traces.found_in(pages) == set()
    logs = [path for server in chain.servers.values() for path in server.whm.server.directory.glob("stack/**/*log*")]
    assert any(path.stat().st_size for path in logs if path.is_file())
    assert {str(path): names for path in logs if path.is_file() and (names := traces.found_in(path.read_bytes()))} == {}


def test_no_secret_is_in_the_controllers_log_or_readable_in_its_files(chain, shops, traces, tmp_path):
    assert traces.found_in((chain.whole.directory / "serve.log").read_bytes()) == set()
    # A process that closes any descriptor of the database's file loses every lock its own connections hold on it
    subprocess.run(["cp", "-a", str(chain.whole.world.home), str(tmp_path / "controller")], check=True)
    assert traces.in_tree(tmp_path / "controller") == []


def test_no_secret_is_on_a_command_line_of_the_account_or_in_the_agents_log_and_state(shops, traces):
    for shop in shops:
        assert b"agent.pyz" in shop.command_lines
        assert traces.found_in(shop.command_lines) == set()
        assert {"agent.log", "state.json", "job"} <= set(shop.files)
        found = {name for name, content in shop.files.items() if traces.found_in(content)}
        assert found <= {"job"}, "only the job file, which nobody else may read, brings the database's password"


def test_what_stays_in_the_account_is_its_own_databases_password_where_the_shop_needs_it(shops, traces):
    for shop in shops:
        account = shop.sold.server.whm.account(shop.sold.account)
        home = Path(account.home)
        found = traces.in_tree(home)
        assert {name for _path, name in found} == {f"database of {shop.sold.account}"}
        needed = {f"{account.document_root}/{name}" for name in (SETTINGS, CACHE, COMPILED)}
        copies = {path for path, _name in found if is_compiled(path, home, needed)}
        assert {path for path, _name in found} - copies == needed
        assert not copies or stat.S_IMODE((home / SCRIPTS).stat().st_mode) == 0o700


def is_compiled(path, home, needed):
    """Return whether a file is PHP's compiled copy of one of the files that need the password.

    PHP keeps them in the account's own folder. It compiles only what has stood for two seconds: a copy may be missing.
    """
    return any(path.startswith(f"{SCRIPTS}/") and path.endswith(f"{home}/{name}.bin") for name in needed)


def test_no_secret_is_in_a_log_or_table_of_whmcs_that_is_not_for_it(chain, shops, traces):
    tables = {name for row in chain.addon.query("SHOW TABLES") for name in row.values()}
    assert {"double_log", "double_mails", "mod_shoplaunch_queue", "mod_shoplaunch_services"} <= tables
    found = {table: traces.found_in(written(chain.addon.rows(table))) for table in sorted(tables)}
    assert found.pop("tbladdonmodules") == {"the addon's secret"}
    assert found.pop("tblservers") == {name for name in chain.secrets if name.startswith("the token of")}
    assert {table: names for table, names in found.items() if names} == {}
    assert traces.found_in(written(chain.api.books.tickets)) == set()


def test_whmcs_is_sent_no_secret_but_its_own(chain, shops, traces):
    bodies = "\n".join(body for _path, body in chain.api.raw)
    assert traces.found_in(bodies.encode()) == {"WHMCS's API secret", "WHMCS's access key"}


def written(rows):
    """Return rows as the bytes to be looked through."""
    return json.dumps(rows, default=str, ensure_ascii=False).encode()
