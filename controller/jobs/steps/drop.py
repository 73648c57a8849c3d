"""Step drop: launcher, agent and the signed job file of the current attempt lie in the account."""

from __future__ import annotations

from pathlib import Path

from controller.jobs import dispatch
from controller.jobs.steps.work import Outcome, Work
from controller.panels.base import SkeletonFiles
from shared.errors import ShoplaunchError
from shared.job import AGENT_FILE, BUNDLE_FILE, FOLDER, JOB_FILE, LAUNCHER_FILE

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
    document = dispatch.payload(
        tools.config,
        work.job,
        account,
        tools.panel.document_root_rules(),
        work.bundle,
        _bundle_path(work, needs_bundle),
        work.values(),
        tools.tokens.for_agent(work.job.id, work.job.attempt),
        tools.clock(),
    )
    # The agent first: it must know the key the job file is signed with
    tools.panel.ensure_agent(account, agent_files(tools.config.agent))
    content = dispatch.job_file(document, tools.keys.signing)
    tools.panel.put_file(account, f"{FOLDER}/{JOB_FILE}", content, JOB_FILE_MODE)
    return int(document["expires_at"])


def agent_files(folder: Path) -> SkeletonFiles:
    """Return launcher and agent of this installation. Raises agent_not_built."""
    try:
        return SkeletonFiles((folder / LAUNCHER_FILE).read_bytes(), (folder / AGENT_FILE).read_bytes())
    except OSError as problem:
        raise ShoplaunchError("agent_not_built", f"{problem.filename}: {problem.strerror}") from None


def _bundle_path(work: Work, needed: bool) -> Path | None:
    bundle, tools = work.bundle, work.tools
    if tools.panel.file_sha256(work.account, f"{FOLDER}/{BUNDLE_FILE}") == bundle.sha256:
        return None
    path = tools.bundles.path(bundle.name)
    if not needed and not path.is_file():
        return None
    if tools.panel.kind not in SAME_MACHINE:
        raise ShoplaunchError("bundle_missing", f"the account does not hold the bundle {bundle.name}")
    if not path.is_file():
        raise ShoplaunchError("bundle_missing", f"there is no file {path}")
    return path
