"""A template's database as the packer reads it."""

import contextlib

from controller.bundles.source.database.snapshot import Source
from controller.bundles.source.servers.connections import connect, parse_url


@contextlib.contextmanager
def packers_view(socket, database):
    """Yield the Source of a `database` on the private server that listens at `socket` (a path)."""
    url = f"mysql://root@localhost/{database}?unix_socket={socket}"
    with contextlib.closing(connect(parse_url(url, "source_database"), "source_database")) as connection:
        yield Source(connection)
