"""Step drop: launcher, agent and the signed job file of the current attempt lie in the account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from controller.db import servers
from controller.db.engine import reading
from controller.jobs import dispatch, pull
from controller.jobs.steps.work import Outcome, Work
from controller.panels.base import SkeletonFiles
from shared.errors import ShoplaunchError
from shared.job import AGENT_FILE, FOLDER, JOB_FILE, LAUNCHER_FILE, RESTORE

#: Panels whose accounts live on the controller's own machine.
SAME_MACHINE = ("local",)
JOB_FILE_MODE = 0o600


def run(work: Work) -> Outcome:
    """Raises panel_*, bundle_*, agent_not_built, job_invalid."""
    expires_at = place(work)
    return Outcome(columns={"expires_at": float(expires_at)}, note=f"attempt {work.job.attempt}")


def place(work: Work, *, needs_bundle: bool = True) -> int:
    """Put agent and job file into the account; return until when (unix seconds) the job file is valid.

    Without `needs_bundle` a bundle that is gone is no obstacle: nothing is restored from it.
    """
    tools, account = work.tools, work.account
    document = _payload(work, needs_bundle)
    # The agent first: it must know the key the job file is signed with
    tools.panel.ensure_agent(account, agent_files(tools.config.agent))
    if work.job.attempt > 1:
        pull.forget_missing_python(tools.panel, account)
    content = dispatch.job_file(document, tools.keys.signing)
    tools.panel.put_file(account, f"{FOLDER}/{JOB_FILE}", content, JOB_FILE_MODE)
    return int(document["expires_at"])


def _payload(work: Work, needs_bundle: bool) -> dict[str, Any]:
    tools, job = work.tools, work.job
    token = tools.tokens.for_agent(job.id, job.attempt)
    place = (tools.config, job, work.account, tools.panel.document_root_rules())
    if job.kind != RESTORE:
        return dispatch.small_payload(*place, work.values(), token, tools.clock(), back=work.is_back)
    source = _source(work, needs_bundle)
    return dispatch.payload(*place, work.bundle, source, work.values(), token, tools.clock())


def agent_files(folder: Path) -> SkeletonFiles:
    """Return launcher and agent of this installation. Raises agent_not_built."""
    try:
        return SkeletonFiles((folder / LAUNCHER_FILE).read_bytes(), (folder / AGENT_FILE).read_bytes())
    except OSError as problem:
        raise ShoplaunchError("agent_not_built", f"{problem.filename}: {problem.strerror}") from None


def _source(work: Work, needed: bool) -> dict[str, str]:
    """Return where the agent finds the bundle: {} in the account itself, else `path` on its server and/or `url`.

    Of several the agent takes the first that is there and right: path, the account's own file, url.
    Raises bundle_missing, config_invalid.
    """
    bundle, tools = work.bundle, work.tools
    path = tools.bundles.path(bundle.name)
    same_machine = tools.panel.kind in SAME_MACHINE
    # A panel that only compares sizes may be wrong; then the agent still has the address
    if same_machine and tools.panel.holds_bundle(work.account, bundle.sha256, bundle.size):
        return {}
    if not path.is_file():
        if not needed:
            return {}
        raise ShoplaunchError("bundle_missing", f"there is no file {path}")
    if same_machine:
        return {"path": str(path)}
    fetched = {"url": dispatch.bundle_url(tools.config, bundle.name)}
    folder = _shared_folder(work)
    if folder is None or tools.panel.holds_bundle(work.account, bundle.sha256, bundle.size):
        return fetched
    return {"path": f"{folder}/{bundle.name}.bundle", **fetched}


def _shared_folder(work: Work) -> str | None:
    """Return the folder of bundles on the account's server that its accounts may read, None where there is none."""
    with reading(work.tools.engine) as connection:
        folder = servers.get(connection, work.job.server).settings.get("bundle_folder")
    if folder is None:
        return None
    if not isinstance(folder, str) or not folder.startswith("/") or ".." in folder.split("/"):
        raise ShoplaunchError("config_invalid", "bundle_folder must be an absolute path on the server")
    return folder.rstrip("/")
