"""What a state database stores: its rows by table, all of it as text, its bytes."""

from pathlib import Path

import sqlalchemy as sa
from itsdangerous import URLSafeSerializer

from controller.db.connection.engine import reading
from controller.db.tables import metadata

DAY = 86_400.0


def sweep(world, days=0.0):
    """Let days pass, then remove what is over; return what was removed."""
    world.clock.pass_by(days * DAY)
    return world.service.retention.run()


def rows(engine, table, **which):
    """Return the rows of a table that have these values."""
    known = metadata.tables[table]
    query = sa.select(known).where(*(known.c[name] == value for name, value in which.items()))
    with reading(engine) as connection:
        return connection.execute(query).all()


def dump(engine, *, files=True):
    """Return everything that the tables hold, as text, what certificates say in plain; of SQLite also the bytes of its
    files."""
    with reading(engine) as connection:
        found = [repr(connection.execute(sa.select(table)).all()) for table in metadata.sorted_tables]
        signed = connection.execute(sa.select(metadata.tables["certificates"].c.signed)).scalars()
        found += [repr(URLSafeSerializer("").load_payload(text.rpartition(".")[0].encode())) for text in signed]
    if files and engine.dialect.name == "sqlite":
        file = Path(engine.url.database)
        files = [file, Path(f"{file}-wal")]
        found += [path.read_bytes().decode("latin-1") for path in files if path.exists()]
    return "\n".join(found)


def used_bytes(engine):
    """Return the bytes of an SQLite database that hold rows."""
    with reading(engine) as connection:
        pages, free, size = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("page_count", "freelist_count", "page_size")
        )
    return (pages - free) * size
