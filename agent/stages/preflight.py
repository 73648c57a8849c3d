"""Stage preflight: checks everything that could go wrong before anything is changed."""

import os
import subprocess
from functools import partial

from agent.base import programs
from agent.database import collations, ledger
from agent.database.access import change, server_version
from agent.database.access import run as execute
from agent.database.patience import of_stage
from agent.tree import document_root, holding_page
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Sequence

    from agent.database.connection import OurConnection
    from agent.session.context import Context
    from shared.documents import Manifest, Requirements

NAME = "preflight"
OLDEST_MARIADB = (10, 2)
OLDEST_MYSQL = (5, 7)
#: Reserve for what filled placeholders add to a statement.
PACKET_MARGIN_BYTES = 64 * 1024
#: Limits for the time and the output of the quota program.
QUOTA_SECONDS, QUOTA_BYTES = 20.0, 1024 * 1024
PROBE = ledger.OWN_PREFIX + "probe"
#: (Kind of object a bundle may hold besides tables, statement that creates one with the table PROBE, statement that
#: drops it where that does not happen with the table).
PROBES = (
    ("view", "CREATE VIEW `{0}_view` AS SELECT a FROM `{0}`", "DROP VIEW IF EXISTS `{0}_view`"),
    ("trigger", "CREATE TRIGGER `{0}` BEFORE INSERT ON `{0}` FOR EACH ROW SET NEW.b = 1", None),
    ("procedure", "CREATE PROCEDURE `{0}`() SELECT 1", "DROP PROCEDURE IF EXISTS `{0}`"),
    (
        "function",
        "CREATE FUNCTION `{0}`() RETURNS INT DETERMINISTIC NO SQL RETURN 1",
        "DROP FUNCTION IF EXISTS `{0}`",
    ),
)
#: The second table is from earlier versions of the agent.
DROP_PROBE = "DROP TABLE IF EXISTS `{0}`, `{0}_child`".format(PROBE)


def run(ctx: "Context") -> None:
    """Check document root, disk and database, take the database over, and put the 503 page in place; safe to repeat.

    Raises ShoplaunchError `docroot_*`, `disk_space`, `inodes`, `db_*`; OSError. Nothing is changed before the document
    root, the disk and the emptiness of the database have all been checked.
    """
    occupied = document_root.check(ctx)
    if occupied and ctx.job.get("document_root", {}).get("occupied") != "move":
        raise ShoplaunchError("docroot_occupied", "it holds {}".format(", ".join(occupied[:5])))
    check_disk(ctx)
    of_stage(ctx).run(partial(check_database, ctx))
    ctx.state.note(occupied=occupied)
    document_root.ensure(ctx)
    holding_page.place(ctx)


def check_disk(ctx: "Context") -> None:
    """Raise ShoplaunchError `disk_space` or `inodes` when file system or quota has too little room."""
    needs = ctx.manifest["requirements"]
    if ctx.state.data.get("shards") or os.path.isdir(ctx.staging):
        # Part of the space is used already; a lack of it shows while writing
        return
    found = os.statvfs(os.path.dirname(ctx.domain_root))
    rooms: "list[tuple[int | None, int | None]]" = [
        (found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None)
    ]
    rooms += quota_rooms()
    for free_bytes, free_inodes in rooms:
        if free_bytes is not None and free_bytes < needs["disk_bytes"]:
            missing = (needs["disk_bytes"] - free_bytes + 999999) // 1000000
            raise ShoplaunchError("disk_space", "{} MB are missing".format(missing))
        if free_inodes is not None and free_inodes < needs["inodes"]:
            raise ShoplaunchError("inodes", "room for {} files, {} needed".format(free_inodes, needs["inodes"]))


def quota_rooms() -> "list[tuple[int | None, int | None]]":
    """Return [(free bytes or None, free inodes or None)] of this account's quotas, as far as they can be read."""
    program = _program("quota")
    if program is None:
        return []
    try:
        output = programs.run([program, "-w", "-p"], QUOTA_SECONDS, QUOTA_BYTES)[1]
    except (OSError, subprocess.TimeoutExpired, programs.TooMuchOutput):
        # The program asks network file systems, which may never answer; without space the work stops where it writes
        return []
    rooms: "list[tuple[int | None, int | None]]" = []
    for line in output.decode("utf-8", "replace").splitlines():
        # file system, blocks, soft, hard, grace, files, soft, hard, grace; blocks of 1 KiB
        fields = line.split()
        numbers = [field.rstrip("*") for field in fields[1:9]]
        if len(numbers) == 8 and all(number.isdecimal() for number in numbers):
            blocks, soft, hard, _, files, soft_files, hard_files, _ = map(int, numbers)
            rooms.append((_room(blocks, soft, hard, 1024), _room(files, soft_files, hard_files, 1)))
    return rooms


def _program(name: str) -> "str | None":
    """Return the path of program `name`, None where there is none."""
    # Importing shutil for `which` takes longer than the search
    places = (os.path.join(folder, name) for folder in os.get_exec_path() if folder)
    return next((place for place in places if os.path.isfile(place) and os.access(place, os.X_OK)), None)


def _room(used: int, soft: int, hard: int, unit: int) -> "int | None":
    limits = [limit for limit in (soft, hard) if limit]
    return (min(limits) - used) * unit if limits else None


def check_database(ctx: "Context") -> None:
    """Raise ShoplaunchError `db_*` when the database cannot hold the shop; take it over when it can."""

    def inspect(connection: "OurConnection") -> None:
        ledger.check_own_tables(connection, ctx.job_id)
        check_server(connection, ctx.manifest)
        collations.of_job(ctx, connection)

    with ledger.locked(ctx, inspect) as connection:
        check_rights(connection, ctx.manifest["requirements"])


def check_server(connection: "OurConnection", manifest: "Manifest") -> None:
    """Raise ShoplaunchError `db_version`, `db_engine`, `db_packet`."""
    is_mariadb, version = server_version(connection)
    if version < (OLDEST_MARIADB if is_mariadb else OLDEST_MYSQL):
        raise ShoplaunchError("db_version", "the server is {}.{}".format(*version))
    engines = {row[0].upper(): row[1].upper() for row in execute(connection, "SHOW ENGINES")}
    if engines.get("INNODB") not in ("YES", "DEFAULT"):
        raise ShoplaunchError("db_engine")
    packet = int(execute(connection, "SELECT @@max_allowed_packet")[0][0])
    needed = manifest["requirements"]["max_statement_bytes"] + PACKET_MARGIN_BYTES
    if packet < needed:
        raise ShoplaunchError("db_packet", "max_allowed_packet is {}, {} are needed".format(packet, needed))


def check_rights(connection: "OurConnection", needs: "Requirements") -> None:
    """Raise ShoplaunchError `db_privileges`, `db_key_length`, `db_trigger_denied` after creating a test table and one
    object of each other kind in the bundle. Uses few definitions: the server waits for its disk for each."""
    # Bundles packed earlier have only this field
    objects = needs.get("objects", ["trigger"] if needs.get("triggers_or_routines") else [])
    makes = [make.format(PROBE) for kind, make, _ in PROBES if kind in objects]
    drops = [DROP_PROBE] + [drop.format(PROBE) for kind, _, drop in PROBES if kind in objects and drop is not None]
    alter = "ALTER TABLE `{0}` ADD KEY b (b)" + (
        ", ADD FOREIGN KEY (c) REFERENCES `{0}` (a)" if "foreign_key" in objects else ""
    )
    create = (
        "CREATE TABLE `{}` (a VARBINARY({}) NOT NULL, b INT, c VARBINARY(1), PRIMARY KEY (a))"
        " ENGINE=InnoDB ROW_FORMAT=DYNAMIC"
    )
    # A killed run may have left them
    _run_all(connection, drops)
    execute(connection, create.format(PROBE, min(max(1, needs["longest_key_bytes"]), 3072)))
    try:
        change(connection, alter.format(PROBE))
        change(connection, b"BEGIN")
        change(connection, "INSERT INTO `{}` VALUES ('x', 1, NULL)".format(PROBE))
        change(connection, "UPDATE `{}` SET b = 2".format(PROBE))
        change(connection, "DELETE FROM `{}`".format(PROBE))
        # A rollback: a commit would wait for the disk
        change(connection, b"ROLLBACK")
        _run_all(connection, makes)
    finally:
        _run_all(connection, drops)


def _run_all(connection: "OurConnection", statements: "Sequence[str]") -> None:
    for statement in statements:
        execute(connection, statement)
