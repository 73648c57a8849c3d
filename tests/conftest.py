"""Fixtures every test may use."""

import gc
import os
import subprocess
from collections import Counter
from pathlib import Path

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.support import leftovers, sampling
from tests.support.servers import machines_cron
from tests.support.servers.databases import mariadb, postgresql
from tests.support.servers.web.controller_stub import Controller
from tests.support.shops import sample_shop
from tests.support.state import compiled_statements
from tests.support.worlds.agent_box import Keys

PROJECT = Path(__file__).resolve().parent.parent
#: The groups that take longest begin first, in parallel with the rest; the first three make a whole Shoplaunch each.
FIRST = (
    *("tests/integration/whole", "tests/integration/chain", "tests/browser", "tests/resume"),
    *("tests/integration/packing", "tests/integration/controller/engine", "tests/integration/cpanel_shops"),
    *("tests/integration/cpanel_jobs", "tests/integration/local_panel", "tests/integration/delivery"),
    *("tests/system", "tests/unit/recipes"),
)
#: What shares its group's whole Shoplaunch with another folder; a file that takes as long as the rest of its folder.
SHARED = {"tests/integration/cpanel_live": "tests/integration/chain"}
LONG = "tests/resume/test_every_instant.py"
#: No example fails because others took the processor for a moment.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")
CRON = pytest.StashKey[subprocess.Popen | None]()


# What is collected stays: looking through it for garbage again and again costs a third of the time
gc.disable()


def pytest_configure():
    """What runs that were killed left is cleared away; what this one makes is noted for the case that it is killed."""
    sampling.choose_day()
    compiled_statements.share()
    if os.geteuid() == 0:
        leftovers.clear()
        leftovers.note_folders()
    sample_shop.choose_place()


def pytest_report_header():
    """Say which sample of long grids is taken: the same number takes it again."""
    return f"sample: {sampling.VARIABLE}={sampling.choose_day()}"


def pytest_sessionstart(session):
    """A machine whose cron does not run gets one for the whole run: nobody may end what another process waits for."""
    if not hasattr(session.config, "workerinput") and os.geteuid() == 0:
        session.config.stash[CRON] = machines_cron.start_missing()


def pytest_sessionfinish(session):
    """The cron that was started is ended."""
    if os.geteuid() == 0:
        leftovers.own_notes().unlink(missing_ok=True)
    machines_cron.end(session.config.stash.get(CRON, None))
    mariadb.remove_templates()
    sample_shop.remove_pictures()


def group_of(nodeid):
    """Return what a test shares its process with: its folder or its file."""
    file = nodeid.partition("::")[0]
    folder = file.rpartition("/")[0]
    return file if file == LONG else SHARED.get(folder, folder)


def turn_of(nodeid):
    """Return the turn of a test's group, the first one 0."""
    group = group_of(nodeid)
    return next((turn for turn, first in enumerate(FIRST) if group.startswith(first)), len(FIRST))


class ByFolder(LoadScopeScheduling):
    """Hands out tests so that what is expensive is made in one process only."""

    def _split_scope(self, nodeid):
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Say how tests are shared between processes."""
    return ByFolder(config, log)


def pytest_collection_modifyitems(session, config, items):
    """The longest groups come first, in parallel with the rest; long tests are left out unless they are asked for."""
    items.sort(key=lambda item: turn_of(item.nodeid))
    if config.getoption("-m") or os.environ.get("SHOPLAUNCH_NIGHTLY"):
        return
    skip = pytest.mark.skip(reason="nightly: run `make test-nightly`")
    for item in items:
        if "nightly" in item.keywords:
            item.add_marker(skip)
    sampling.skip_the_rest(items, config.args, sampling.choose_day())
    if not any("::" in argument for argument in config.args):
        misnamed = sampling.misnamed([item.nodeid for item in items])
        if misnamed:
            sampling.Misnamed.instead_of(items, session, misnamed)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop():
    """From here on garbage is collected, but not looked for among the tests themselves."""
    gc.enable()
    gc.freeze()


def pytest_terminal_summary(terminalreporter):
    """Tell every reason for skipping once, with the number of tests: hundreds of lines would be read by nobody."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports)
    if reasons:
        terminalreporter.section("skipped", yellow=True)
    for reason, number in sorted(reasons.items()):
        terminalreporter.write_line(f"SKIPPED [{number}] {reason}", yellow=True)


@pytest.fixture(scope="session", autouse=True)
def noted_base(tmp_path_factory):
    """The folder below which tests have theirs is noted for the case that this process is killed: disks lie in it."""
    if os.geteuid() == 0:
        leftovers.note_base(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def loop_devices(tmp_path_factory):
    """Skips where a file cannot be mounted as a disk, as in some containers."""
    folder = tmp_path_factory.mktemp("loop")
    with (folder / "disk").open("wb") as stream:
        stream.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(folder / "disk")], check=True)
    (folder / "mounted").mkdir()
    command = ["mount", "-o", "loop", str(folder / "disk"), str(folder / "mounted")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file can be mounted as a disk here: {done.stderr.strip()}")
    subprocess.run(["umount", "-l", str(folder / "mounted")], check=True)


@pytest.fixture(scope="session")
def mariadb_server():
    """A private MariaDB for the whole run (tests.support.servers.databases.mariadb.MariaDB)."""
    server = mariadb.start_private(mariadb.FEW_FILES)
    yield server
    mariadb.stop_private(server)


@pytest.fixture(scope="session")
def postgresql_server():
    """A private PostgreSQL for the whole run (tests.support.servers.databases.postgresql.PostgreSQL)."""
    server = postgresql.start_private()
    yield server
    postgresql.stop_private(server)


@pytest.fixture(scope="session")
def whole():
    """A whole Shoplaunch on this machine, with the sample shop as its bundle (tests.support.worlds.whole.Whole)."""
    from tests.support.worlds.whole import Whole

    made = Whole()
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture(scope="session")
def keys():
    """The key pair with which a controller signs job files (tests.support.worlds.agent_box.Keys)."""
    return Keys()


@pytest.fixture
def controller():
    """A controller that answers agents as a test sets it (tests.support.servers.web.controller_stub.Controller)."""
    server = Controller()
    yield server
    server.close()


@pytest.fixture(scope="session")
def real_dumps():
    """The folder with real PrestaShop dumps next to the project; skips where it is absent."""
    folder = PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real PrestaShop dumps beside the project (../shared/data)")
    return folder
