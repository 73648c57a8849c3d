"""Notes, next to the home, which chunks of rows are sent and which got through: no kill, removal or full disk takes it.

The file `chunks` there, which a test makes, gets a line each: "sent NAME ATTEMPT" once the chunk is
claimed and before any of its rows, "there NAME ATTEMPT" once its commit was answered.
"""

import os
import sys

HOME = os.path.dirname(os.path.dirname(os.path.abspath(sys.path[0])))
NOTES = os.path.join(os.path.dirname(HOME), "chunks")
_open, _write, _close = os.open, os.write, os.close


def _note(what, member, attempt):
    try:
        notes = _open(NOTES, os.O_WRONLY | os.O_APPEND)
    except FileNotFoundError:
        return
    _write(notes, "{} {} {}\n".format(what, member["name"], attempt).encode("ascii"))
    _close(notes)


def install():
    """From now on chunks are noted where there is a file for it."""
    from agent.database import importer, ledger

    begin, import_chunk = ledger.begin, importer.import_chunk

    def beginning(connection, job_id, attempt, member, affected):
        is_claimed = begin(connection, job_id, attempt, member, affected)
        if is_claimed:
            _note("sent", member, attempt)
        return is_claimed

    def importing(ctx, connection, member):
        is_done = import_chunk(ctx, connection, member)
        if is_done:
            _note("there", member, ctx.attempt)
        return is_done

    ledger.begin, importer.import_chunk = beginning, importing
