"""A statement is compiled once in a process of tests, not once for each of its hundreds of databases.

A service has one engine all its life and compiles each statement once; a test's engine lives for a second, and
compiling was an eighth of what the tests' processes computed. Dialects of the same class, settings and server share
their statements.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

#: More than the product has statements: none is compiled twice.
STATEMENTS = 4000


def share():
    """From now on engines of this process share what they compile."""
    DefaultDialect.__hash__ = lambda dialect: hash(type(dialect))
    DefaultDialect.__eq__ = lambda dialect, other: dialect is other or _nature(dialect) == _nature(other)
    shared = LRUCache(STATEMENTS)

    @sa.event.listens_for(Engine, "engine_connect")
    def use(connection):
        connection.engine._compiled_cache = shared


def _nature(dialect):
    """Return what of a dialect decides how a statement is compiled."""
    names = ("server_version_info", "is_mariadb", "paramstyle", "name", "driver")
    return type(dialect), *(getattr(dialect, name, None) for name in names)
