"""Retires all keys but the newest: re-encrypts what they sealed, re-signs certificates; old signatures become invalid.

It may be killed at any instant and repeated: values are sealed anew one by one, certificates are signed anew by the
hundred, each readable before and after; the old keys are removed file by file when nothing needs them any more. Keys
that are made meanwhile stay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from controller.access.actor import COMMAND_LINE, command_line
from controller.access.restores import kept_out
from controller.bundles.pack.progress import Progress
from controller.db import tables
from controller.db.connection.clock import AHEAD_SECONDS, database_now
from controller.db.connection.engine import reading, transact
from controller.db.identities import access
from controller.db.machines import workers
from controller.db.tables import jobs
from controller.files import alone
from controller.jobs.agent_link.job_file import signed
from controller.jobs.lifecycle import states
from controller.jobs.shop import certificate
from controller.keys import Keys, load_keys, old_files, remove_unfinished, trim
from controller.panels.registry import PANELS
from controller.settings.sections import Config
from shared.errors import ShoplaunchError
from shared.signing import PURPOSE_CERTIFICATE

if TYPE_CHECKING:
    from shared.documents import Certificate

#: Tables and columns that hold sealed text; a third name is the entry that is sealed within the column's JSON.
SEALED: tuple[tuple[str, str, str], ...] = (
    ("api_keys", "secret_encrypted", ""),
    ("servers", "token_encrypted", ""),
    *(("servers", "settings", name) for kind in PANELS.values() for name in kind.sealed_settings),
    ("jobs", "secrets_encrypted", ""),
    ("jobs", "facts", "kept_line"),
    ("operators", "totp_encrypted", ""),
)
ROWS_AT_ONCE = 200
#: A value sealed by an old key during a pass needs another pass; a process that keeps doing so was not restarted since
#: the last rotation.
PASSES = 5
#: What the audit log calls the making of newer keys.
ROTATED = "key rotate"
#: States in which agents hold tokens.
_UNDER_WAY = (states.DROPPED, states.RESTORING, states.FINISHING)


@dataclass(frozen=True)
class Retired:
    """How many values were sealed anew, certificates signed anew, and values that no key decrypts (they stay)."""

    sealed: int
    signed: int
    unreadable: int


def retire(
    config: Config, install_agent: Callable[[Keys], object], progress: Progress, *, at_once: bool
) -> Retired | None:
    """Retire all keys but the newest; return what was done, None when there were no others.

    `install_agent` builds the agent that knows the given keys. `at_once` does not wait for jobs under way: their agents
    are refused, and they need a retry. Raises ShoplaunchError `keys_in_use`, `restore_running`.
    """
    if not old_files(config.keys):
        with alone(config.keys):
            remove_unfinished(config.keys)
        return None
    # Rows that are restored meanwhile need keys that are ended here
    with kept_out(config.home):
        return _retire(config, install_agent, progress, at_once=at_once)


def _retire(config: Config, install_agent: Callable[[Keys], object], progress: Progress, *, at_once: bool) -> Retired:
    engine = command_line(config).engine
    # First: what is made after the look below is of no process that it sees, and retires none of these
    keys = load_keys(config.keys)
    changed_at = max((path.stat().st_mtime for path in old_files(config.keys)), default=0.0)
    _require_unused(engine, changed_at, at_once)
    sealed, unreadable = _seal_anew(engine, keys, progress)
    resigned = _sign_anew(engine, keys, progress)
    with alone(config.keys):
        # Newer ones may have been made meanwhile. The agent that trusts only those that stay is installed first: job
        # files are signed by them already
        install_agent(load_keys(config.keys).since(keys))
        # Before the first of them goes: what is cut off behind the last one finds no old keys at its next try
        transact(engine, _note)
        for name in ("encryption", "signing", "tokens", "sessions"):
            trim(config.keys, name, keys)
        remove_unfinished(config.keys)
    return Retired(sealed, resigned, unreadable)


def _note(connection: sa.Connection) -> None:
    access.add_audit(connection, database_now(connection), COMMAND_LINE, "key retire", None, "")


def _require_unused(engine: sa.Engine, changed_at: float, at_once: bool) -> None:
    with reading(engine) as connection:
        # The files' time is this machine's, the other ones are the database's
        rotated_at = max(changed_at, access.last_time(connection, ROTATED) or 0.0)
        running = [one for one in workers.processes(connection) if one.is_alive]
        if running and rotated_at > database_now(connection) + AHEAD_SECONDS:
            # A process that is restarted is still older than that
            message = "the newest keys were made while a clock was ahead: run `shoplaunch key rotate` once more first"
            raise ShoplaunchError("keys_in_use", message)
        for one in running:
            if one.started_at < rotated_at:
                message = f"{one.name} runs, and was started before the newest keys were made"
                raise ShoplaunchError("keys_in_use", message)
        # While the last of them was not started again, jobs were still given tokens of old keys
        since = max((one.started_at for one in running if one.moves_jobs), default=database_now(connection))
        query = sa.select(jobs.c.id).where(jobs.c.state.in_(_UNDER_WAY), jobs.c.dropped_at < since)
        found = list(connection.execute(query.order_by(jobs.c.dropped_at)).scalars())
    if found and not at_once:
        shown = ", ".join(found[:5])
        raise ShoplaunchError("keys_in_use", f"{len(found)} jobs are under way with tokens of old keys: {shown}")


def _seal_anew(engine: sa.Engine, keys: Keys, progress: Progress) -> tuple[int, int]:
    """Return how many values were sealed anew, and how many no key decrypts."""
    total = 0
    for turn in range(PASSES):
        done = unreadable = 0
        for table, column, member in SEALED:
            progress.phase(f"{table}.{column}{_again(turn)}", _count(engine, table, column, member))
            for changed, lost in _column_anew(engine, keys, tables.metadata.tables[table], column, member):
                done, unreadable = done + changed, unreadable + lost
                progress.advance(1)
        total += done
        if not done:
            return total, unreadable
    raise ShoplaunchError("keys_in_use", "values are still being sealed by an old key: a process was not started again")


def _count(engine: sa.Engine, table: str, column: str, member: str = "") -> int:
    which = tables.metadata.tables[table]
    with reading(engine) as connection:
        query = sa.select(sa.func.count()).select_from(which).where(_holds(which, column, member))
        return connection.execute(query).scalar_one()


def _holds(table: sa.Table, column: str, member: str) -> sa.ColumnElement[bool]:
    """Return the condition that a row has the column, with the entry `member` if one is given."""
    held = table.c[column]
    # Of many jobs, few have the entry: the others' documents need not be read
    return held.contains(json.dumps(member), autoescape=True) if member else held.is_not(None)


def _column_anew(
    engine: sa.Engine, keys: Keys, table: sa.Table, column: str, member: str
) -> Iterator[tuple[bool, bool]]:
    """Seal every value of the column by the newest key; yield (was it changed, is it unreadable) for each."""
    for row_key, value in _rows(engine, table, column, member):
        try:
            anew = _anew(keys, value, member)
        except ShoplaunchError:
            yield False, True
            continue
        yield anew != value and _put(engine, table, row_key, column, value, anew), False


def _anew(keys: Keys, value: str, member: str) -> str:
    if not member:
        return keys.sealed_anew(value) if value else value
    document = json.loads(value)
    if not document.get(member):
        return value
    fresh = keys.sealed_anew(document[member])
    return value if fresh == document[member] else json.dumps({**document, member: fresh}, sort_keys=True)


def _rows(engine: sa.Engine, table: sa.Table, column: str, member: str) -> Iterator[tuple[str, str]]:
    for page in _pages(engine, table, column, member):
        yield from page


def _pages(engine: sa.Engine, table: sa.Table, column: str, member: str = "") -> Iterator[list[tuple[str, str]]]:
    (primary,) = table.primary_key.columns
    last = ""
    while True:
        with reading(engine) as connection:
            query = sa.select(primary, table.c[column]).where(primary > last, _holds(table, column, member))
            found = connection.execute(query.order_by(primary).limit(ROWS_AT_ONCE)).all()
        if not found:
            return
        yield [(row[0], row[1]) for row in found]
        last = found[-1][0]


def _put(engine: sa.Engine, table: sa.Table, row_key: str, column: str, before: str, anew: str) -> bool:
    """Write the value unless another process changed it meanwhile: the next pass finds that. One that has read the row
    before, and writes later, reads it once more."""
    (primary,) = table.primary_key.columns
    same = sa.and_(primary == row_key, table.c[column] == before)
    versions = {name: table.c[name] + 1 for name in ("version",) if name in table.c}
    change = sa.update(table).where(same).values({column: anew, **versions})
    transact(engine, lambda connection: connection.execute(change))
    return True


def _sign_anew(engine: sa.Engine, keys: Keys, progress: Progress) -> int:
    """Sign the stored birth certificates by the newest key that there is; return how many."""
    total = 0
    for turn in range(PASSES):
        progress.phase(f"certificates{_again(turn)}", _count(engine, "certificates", "signed"))
        done = _certificates_anew(engine, keys, progress)
        total += done
        if not done:
            return total
    raise ShoplaunchError("keys_in_use", "certificates are still being signed by an old key")


def _certificates_anew(engine: sa.Engine, keys: Keys, progress: Progress) -> int:
    """Go once through the certificates; return how many were signed by another key. One that another process changed
    meanwhile, which another retirement does, needs another pass."""
    done = 0
    for page in _pages(engine, tables.certificates, "signed"):
        # After the page was read: what another retirement has signed is not signed by a key that it ended
        current = keys.current()
        public, newest = current.public_keys(), current.newest().signing
        anew = [(job_id, text, _signed_anew(text, public, newest)) for job_id, text in page]
        done += _put_certificates(engine, [(job_id, text, fresh) for job_id, text, fresh in anew if fresh is not None])
        progress.advance(len(page))
    return done


def _again(turn: int) -> str:
    return f" ({turn + 1})" if turn else ""


def _signed_anew(text: str, public: Sequence[bytes], newest: Sequence[bytes]) -> str | None:
    """Return the certificate signed by the newest key, None for one that is so already, and for one that none of the
    keys signed: it stays as it is."""
    if _content(text, public[-1:]) is not None:
        return None
    content = _content(text, public[:-1])
    return None if content is None else signed(PURPOSE_CERTIFICATE, content, newest).decode("ascii")


def _put_certificates(engine: sa.Engine, anew: Sequence[tuple[str, str, str]]) -> int:
    """Write certificates (job, as it was, as it is to be), each unless another process changed it meanwhile; return how
    many. One by one, each would wait for the disk."""
    if not anew:
        return 0
    table = tables.certificates
    same = sa.and_(table.c.job == sa.bindparam("same"), table.c.signed == sa.bindparam("before"))
    change = sa.update(table).where(same).values(signed=sa.bindparam("anew"))
    rows = [{"same": job_id, "before": before, "anew": fresh} for job_id, before, fresh in anew]
    transact(engine, lambda connection: connection.execute(change, rows))
    return len(rows)


def _content(text: str, public: Sequence[bytes]) -> Certificate | None:
    """Return the certificate's content, None where none of the keys signed it."""
    try:
        return certificate.read(text, public)
    except ShoplaunchError:
        return None
