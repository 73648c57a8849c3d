"""What must be the same after any disturbed restore, and the ticks that bring one to its end."""

from shared.bundle import LEDGER_TABLE
from shared.job import BUNDLE_FILE, JOB_FILE, LAUNCHER_FILE
from tests.resume.conftest import same

#: What tests put into a home themselves.
OURS = {"kill.json", "killed", "points", "plan.json", ".shoplaunch"}
#: The time of every file of the bundle.
PACKED_AT = 1_500_000_000
TICKS = 12


def picture(shop):
    """Return what must be the same: tables, files with their times, the home, the crontab."""
    times = {}
    for path in shop.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            time = int(path.lstat().st_mtime)
            times[str(path.relative_to(shop.root))] = time if time == PACKED_AT else "of the restore"
    home = {path.name for path in shop.home.iterdir()} - OURS
    # Killed after its launcher went, nothing can start any more; the controller's last look takes the line away
    crontab = [line for line in shop.crontab.splitlines() if not line.endswith(f"# shoplaunch:{shop.id}")]
    return (*shop.picture(), times, home, crontab)


def check_same(shop, wanted, about):
    """Fail with `about` and the first difference between `shop` and the picture `wanted`, or when it may go on."""
    assert {JOB_FILE, BUNDLE_FILE, LAUNCHER_FILE} & {path.name for path in shop.folder.glob("*")} == set(), about
    found = picture(shop)
    try:
        same(found, wanted)
        assert found[4:] == wanted[4:]
    except AssertionError as difference:
        raise AssertionError(f"{about}: {difference}") from None


def finish(shop, tick):
    """Call `tick()` until the agent has left."""
    for _ in range(TICKS):
        if not (shop.folder / LAUNCHER_FILE).exists():
            return
        tick()
    raise AssertionError(f"never finished: {shop.state}")


def ledger_of(shop):
    """Return {chunk: rows} of the ledger, as it is when the shop is reported."""
    return dict(shop.query(f"SELECT chunk, affected FROM {LEDGER_TABLE}"))


def check_chunks(bundle, ledger, finished, about):
    """Every chunk of `bundle` is in `ledger` (ledger_of) once, and what was sent again is what was under way."""
    wanted = {name: entry["rows"] for name, entry in bundle.entries.items() if name.startswith("db/data/")}
    assert {name: rows for name, rows in ledger.items() if name in wanted} == wanted, about
    assert ledger.keys() - wanted.keys() == {"db/configure.json.gz"}, about
    assert finished["evidence"]["chunks"] == len(wanted), about
    # Over two connections; nothing that had got through is sent again
    assert finished["evidence"]["counters"].get("chunks_sent", 0) <= len(wanted) + 2, about
