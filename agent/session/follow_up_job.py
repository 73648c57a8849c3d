"""The content of a follow-up job: statements and file edits as templates, and how to undo both."""

import re

from shared.encoding import canonical_json, sha256_hex
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Iterator

    from agent.database.work import Chunk
    from shared.documents import Edit, Job, Statement
    from shared.placeholders import Renderer

BACK = "back"
_NONCE = re.compile(r"@@SL([0-9a-f]{8}):")
#: For a job without placeholders.
NO_NONCE = "00000000"


def is_back(job: "Job") -> bool:
    """Return whether `job` undoes what an earlier attempt did."""
    return job.get("direction") == BACK


def statements(job: "Job", back: bool) -> "list[Statement]":
    """Return the job's statements, or those that undo them when `back`."""
    return job.get("back", []) if back else job.get("statements", [])


def edits(job: "Job", back: bool) -> "list[Edit]":
    """Return the job's file edits; when `back` in reverse order, from new to old."""
    forth = job.get("edits", [])
    if not back:
        return forth
    return [{**edit, "old": edit["new"], "new": edit["old"]} for edit in reversed(forth)]


def nonce_of(job: "Job") -> str:
    """Return the nonce of the job's placeholders. Raises ShoplaunchError `job_invalid` when they have several."""
    found: "set[str]" = set()
    for name in ("statements", "back", "edits"):
        found.update(_NONCE.findall(canonical_json(job.get(name, [])).decode("utf-8")))
    if len(found) > 1:
        raise ShoplaunchError("job_invalid", "its placeholders are of several bundles")
    return found.pop() if found else NO_NONCE


def claim(job: "Job", back: bool) -> "Chunk":
    """Return what the ledger knows of the statements of the job's attempt."""
    document = canonical_json(statements(job, back))
    return {"name": "{}/{}".format("back" if back else "forth", job["attempt"]), "sha256": sha256_hex(document)}


def check(job: "Job", renderer: "Renderer") -> None:
    """Raise ShoplaunchError unless `job` has something to do and all of its templates can be filled.

    The codes are `job_invalid`, `placeholder_unknown`, `placeholder_invalid`.
    """
    back = is_back(job)
    if not statements(job, back) and not edits(job, back):
        raise ShoplaunchError("job_invalid", "a job of kind {} that changes nothing".format(job["kind"]))
    for name in ("statements", "back", "edits"):
        for text in _texts(job.get(name, [])):
            renderer.render(text.encode("utf-8"))


def _texts(document: object) -> "Iterator[str]":
    """Yield every string in a JSON document."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        for part in document:
            for text in _texts(part):
                yield text
