"""Decides, from the digests of former and new values, how much of the earlier work remains valid."""

MYPY = False
if MYPY:
    from shared.documents import ValuesDigests

CONTINUE = "continue"
RENDER = "render"
ZERO = "zero"


def decide(recorded: "ValuesDigests | None", wanted: "ValuesDigests") -> str:
    """Return what `recorded` (values_sha256 dict of the work done so far, or None) allows for `wanted`.

    CONTINUE: same values; RENDER: only `db.*` differ, so placeholder shards and configure are done again but data
    chunks stay; ZERO: tables and staging are discarded. The record in the state file decides about files (`prepare`);
    the ledger's own record decides about tables, on the connection that holds the database lock
    (agent.database.ledger).
    """
    if recorded is None or recorded == wanted:
        return CONTINUE
    return RENDER if recorded["other"] == wanted["other"] else ZERO
