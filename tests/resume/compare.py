"""What must be the same after any disturbed restore, and the ticks that bring one to its end."""

from agent.reporting import outbox
from agent.stages.cleanup import INTERPRETER_FILE
from agent.tree import holding_page
from shared.bundle import LEDGER_TABLE
from shared.job import AGENT_FILE, LAUNCHER_FILE, LOCK_FILE, LOG_FILE, STATE_FILE
from tests.resume.conftest import same

#: What tests put into a home themselves, and what `check_left` looks at.
OURS = {"kill.json", "killed", "points", "plan.json", ".shoplaunch"}
#: What may be left in the folder by an agent that was killed after its launcher went.
LEFT = {AGENT_FILE, INTERPRETER_FILE, LOCK_FILE, LOG_FILE, STATE_FILE, holding_page.BEFORE, outbox.FOLDER}
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
    # `check_left` reports what is left of our own
    crontab = [line for line in shop.crontab.splitlines() if not line.endswith(f"# shoplaunch:{shop.id}")]
    return (*shop.picture(), times, home, crontab)


def check_left(shop, about, is_killed_late=False):
    """Fail with `about` unless the folder is gone and our cron line with it.

    Killed after its launcher went (`is_killed_late`) nothing can start any more: the controller's last look takes away
    folder and line then. Nothing secret may be left for it.
    """
    if shop.folder.exists():
        assert is_killed_late, f"{about}: {sorted(path.name for path in shop.folder.iterdir())}"
        job = shop.job()
        secrets = (job["values"]["db.password"], job["values"]["secret.cookie_key"], job["callback"]["token"])
        assert {path.name for path in shop.folder.iterdir()} <= LEFT, about
        for path in shop.folder.rglob("*"):
            if path.is_file():
                assert not any(secret.encode() in path.read_bytes() for secret in secrets), f"{about}: {path.name}"
    else:
        assert "# shoplaunch:" not in (shop.crontab or ""), about


def check_same(shop, wanted, about, is_killed_late=False):
    """Fail with `about` and the first difference between `shop` and the picture `wanted`, or when anything is left
    (check_left)."""
    check_left(shop, about, is_killed_late)
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
    """Every chunk of `bundle` is in `ledger` (ledger_of) once, and counted once at most: SIGKILL loses counters."""
    wanted = {name: entry["rows"] for name, entry in bundle.entries.items() if name.startswith("db/data/")}
    assert {name: rows for name, rows in ledger.items() if name in wanted} == wanted, about
    assert ledger.keys() - wanted.keys() == {"db/configure.json.gz"}, about
    assert finished["evidence"]["chunks"] == len(wanted), about
    assert finished["evidence"]["counters"].get("chunks_sent", 0) <= len(wanted), about
