"""What is asked of a state database."""

import contextlib

import sqlalchemy as sa


@contextlib.contextmanager
def asked(engine):
    """Give a list of (statement, its values) to which everything is added that the block asks of the database."""
    seen = []

    def note(_connection, _cursor, statement, values, _context, _many):
        if statement.startswith(("SELECT", "UPDATE", "INSERT", "DELETE")):
            seen.append((statement, values))

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
