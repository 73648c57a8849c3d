"""Step drop: launcher, agent and the signed job file of the current attempt lie in the account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from controller.agent_archive import abilities, versions
from controller.agent_archive.build import trusts
from controller.agent_archive.versions import AgentFiles
from controller.jobs.agent_link import bundle_address, delivery, job_file, panel_reading, ring
from controller.jobs.lifecycle import bundle_readers
from controller.jobs.lifecycle.step_context import Outcome, Work
from controller.jobs.shop import values
from controller.keys import Keys
from controller.panels.base import SkeletonFiles
from controller.panels.registry import is_here
from shared.errors import ShoplaunchError
from shared.job import FOLDER, JOB_FILE, RESTORE

if TYPE_CHECKING:
    from shared.documents import Job as JobPayload

JOB_FILE_MODE = 0o600


def run(work: Work) -> Outcome:
    """Place the files. Raises panel_*, bundle_*, agent_not_built, job_invalid."""
    changed = _changed(work) if work.job.attempt > 1 else []
    put = place(work)
    notes = [f"attempt {work.job.attempt}", *(f"put anew: {one}" for one in changed), put.instead]
    note = "; ".join(filter(None, notes))
    return Outcome(
        lambda known: replace(known, put_sha256=put.sha256, start_prepared=put.unprepared),
        columns={"expires_at": float(put.expires_at), "agent": put.agent},
        note=note,
    )


@dataclass(frozen=True)
class Put:
    """What was placed in an account: when its job file expires (unix seconds), digests by name, why the agent's start
    is left to cron ("": it is not), the agent's version, and instead of which other, in words."""

    expires_at: int
    sha256: Mapping[str, list[str]]
    unprepared: str
    agent: str
    instead: str = ""


def _changed(work: Work) -> list[str]:
    """Return what happened to those of the last attempt's files that were changed since they were placed."""
    try:
        return delivery.compared(work.tools.panel, work.account, work.facts.put_sha256 or {}).changed
    except ShoplaunchError as error:
        if error.retryable:
            raise
        # The next placement meets the same obstacle and reports it
        return []


def place(work: Work, *, needs_bundle: bool = True, anew: bool = False) -> Put:
    """Place agent and job file in the account; `anew`, as after the first attempt, also what seems to be there.

    Without `needs_bundle` a missing bundle is no error: nothing is restored from it.
    """
    tools, account = work.tools, work.account
    wanted_agent = tools.channel.agent_for(work.job.id)
    found, document = _agent_for(work, wanted_agent, needs_bundle=needs_bundle)
    files = SkeletonFiles(found.launcher, found.agent)
    # The agent first: it must know the key that signs the job file
    if anew or work.job.attempt > 1:
        tools.panel.ensure_agent_anew(account, files)
    else:
        tools.panel.ensure_agent(account, files)
    if work.job.attempt > 1:
        panel_reading.forget_missing_python(tools.panel, account)
    content = job_file.job_file(document, tools.keys.signing)
    unprepared = ring.why_not(work)
    wanted = {} if unprepared else ring.files(work)
    tools.panel.put_files(account, {f"{FOLDER}/{JOB_FILE}": (content, JOB_FILE_MODE), **wanted})
    digests = delivery.digests(files, content)
    instead = f"instead of the agent {wanted_agent}" if wanted_agent not in ("", found.version) else ""
    return Put(document["expires_at"], digests, unprepared, found.version, instead)


def _agent_for(work: Work, wanted: str, *, needs_bundle: bool) -> tuple[AgentFiles, JobPayload]:
    """Return the agent `wanted`, and its job file's payload; the installed agent, where that one is not kept here or
    would refuse the job file or the bundle: a job must not fail because an agent is old. Raises as `place` does."""
    tools = work.tools
    found = versions.files(tools.config.agent, wanted)
    require_trust(SkeletonFiles(found.launcher, found.agent), tools.keys)
    payload = _payload(work, found.agent, needs_bundle=needs_bundle)
    document = job_file.with_socket(tools.config, payload, same_machine=is_here(tools.panel.kind))
    if wanted != found.version:
        return found, document
    understands = abilities.understands(found.agent, abilities.JOB, document)
    if understands and needs_bundle and work.job.kind == RESTORE:
        understands = abilities.understands(found.agent, abilities.MANIFEST, work.manifest())
    return (found, document) if understands else _agent_for(work, "", needs_bundle=needs_bundle)


def _payload(work: Work, agent: bytes, *, needs_bundle: bool) -> JobPayload:
    tools, job = work.tools, work.job
    token = tools.tokens.for_agent(job.id, job.attempt)
    starters = tools.panel.start_names(work.account, job.id, job.attempt)
    rules = replace(tools.panel.document_root_rules(), starters=starters)
    recipient = job_file.Recipient(work.account, rules, values.of(work), token)
    if job.kind != RESTORE:
        return job_file.follow_up_payload(tools.config, job, recipient, tools.clock(), back=work.is_back)
    source = _source(work, agent, needed=needs_bundle)
    return job_file.payload(tools.config, job, recipient, work.bundle, source, tools.clock())


def agent_files(folder: Path, version: str = "") -> SkeletonFiles:
    """Return launcher and agent of this installation, or of a kept `version`. Raises agent_not_built."""
    found = versions.files(folder, version)
    return SkeletonFiles(found.launcher, found.agent)


def require_trust(files: SkeletonFiles, keys: Keys) -> None:
    """Raise agent_not_built for an agent that does not know the key by which job files are signed: it would refuse each
    of them in its account."""
    if not trusts(files.agent, keys.public_keys()[-1]):
        raise ShoplaunchError("agent_not_built", "the agent here does not know the newest key; run `shoplaunch init`")


def _source(work: Work, agent: bytes, *, needed: bool) -> dict[str, str]:
    """Return where the agent finds the bundle: {} in the account itself, else `path` on its server and/or `url`.

    The agent takes the first that is there and intact: path, the account's own file, url.
    Raises bundle_missing, config_invalid.
    """
    bundle, tools = work.bundle, work.tools
    path = tools.bundles.path(bundle.name)
    same_machine = is_here(tools.panel.kind)
    # A panel that only compares sizes may be wrong; the agent then falls back to the URL
    if same_machine and tools.panel.holds_bundle(work.account, bundle.sha256, bundle.size):
        return {}
    if not path.is_file():
        if not needed:
            return {}
        raise ShoplaunchError("bundle_missing", f"there is no file {path}")
    if same_machine:
        here = {"url": job_file.bundle_url(tools.config, bundle.name)}
        if not _may_read(work):
            return here
        # A folder closed to others need not be closed to this account
        return {"path": str(path)} if bundle_readers.others_may_enter(path.parent) else {"path": str(path), **here}
    fetched = bundle_address.in_job_file(tools.config, bundle, agent, tools.clock())
    folder = None if work.facts.copies_distrusted else _shared_folder(work, paid=bundle.paid)
    if folder is None or tools.panel.holds_bundle(work.account, bundle.sha256, bundle.size):
        return fetched
    return {"path": f"{folder}/{bundle.name}.bundle", **fetched}


def _may_read(work: Work) -> bool:
    """Let the account read the bundle's file by an access list; return whether that is possible."""
    tools, user = work.tools, work.tools.panel.reader(work.account)
    if user is None:
        return False
    if work.facts.bundle_reader != user:
        work.remember(lambda known: replace(known, bundle_reader=user))
    return tools.bundles.let_in(work.bundle.name, user, tools.clock())


def _shared_folder(work: Work, *, paid: bool) -> str | None:
    """Return the folder of bundles on the account's server that its accounts may read, None where there is none.

    A paid bundle is not placed where every account can copy it, unless the server's settings allow that.
    """
    settings = work.tools.server.settings
    folder = settings.get("bundle_folder")
    if folder is None or (paid and not settings.get("share_paid", False)):
        return None
    if not isinstance(folder, str) or not folder.startswith("/") or ".." in folder.split("/"):
        raise ShoplaunchError("config_invalid", "bundle_folder must be an absolute path on the server")
    return folder.rstrip("/")
