"""Start an account's agent at once on a cPanel server: by SSH as root where available, else by the site's PHP."""

from __future__ import annotations

import logging
import posixpath
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.account import Account
from controller.network.http_client import Origin
from controller.panels.cpanel.account import agent_files
from controller.panels.cpanel.account.file_rows import mode_of, size_of
from controller.panels.cpanel.account.files import Files
from controller.panels.cpanel.account_cache import Started as Call
from controller.panels.cpanel.api.answers import Answer
from controller.panels.cpanel.server import CpanelServer
from controller.panels.cpanel.skeleton.skeleton import ssh_settings
from controller.panels.cpanel.start import ssh_start, starter, web_start
from controller.panels.cpanel.start.starter import Starter
from controller.panels.start import NOT_OFFERED, WEB, Started
from shared.job import FOLDER
from shared.starter import MARK, NAME, is_starter, with_probes

LOG = logging.getLogger(__name__)
#: Time reserved for finding out why nothing was started, and for later work.
LOOK_SECONDS, SPARE_SECONDS = 1.5, 0.25
#: SSH's share of the time, where a starter may follow it.
SSH_SHARE = 0.5
HTACCESS = ".htaccess"


@dataclass(frozen=True)
class Ring:
    """One attempt in `account` to start its agent at once."""

    panel: CpanelServer
    account: Account
    job_id: str
    attempt: int

    @property
    def starter(self) -> Starter:
        """The starter of this attempt."""
        return Starter(self.panel.known.starter_key, self.job_id, self.attempt)

    @property
    def by_ssh(self) -> bool:
        """Return whether the server has SSH as root: then nothing is put into the document root."""
        return ssh_start.is_root(self.panel.settings.ssh)

    def folder(self) -> str | None:
        """Return the document root relative to the home, None where it is outside."""
        home, root = self.account.home, self.account.document_root
        return root.removeprefix(f"{home}/") if root.startswith(f"{home}/") else None

    def files(self) -> dict[str, tuple[bytes, int]]:
        """Return path -> (content, mode) of the files to put before the request: none where SSH comes first."""
        return {} if self.by_ssh else self._starter_file()

    def _starter_file(self) -> dict[str, tuple[bytes, int]]:
        """Return path -> (content, mode) of the starter, {} where there is none."""
        folder, content = self.folder(), self.starter.content(self.account.user, self.account.home)
        if folder is None or content is None or not self.panel.known.starter_key:
            return {}
        return {f"{folder}/{self.starter.name}": (content, starter.MODE)}

    def names(self) -> list[str]:
        """Return the names of this and earlier attempts' starters."""
        key = self.panel.known.starter_key
        return starter.names(key, self.job_id, self.attempt) if key else []

    def start(self, within_seconds: float) -> Started:
        """See Panel.start_now; where SSH cannot start the agent, a starter is put there and requested."""
        began = time.monotonic()
        end = began + within_seconds - SPARE_SECONDS
        wanted = self._starter_file()
        if not self.by_ssh:
            return self._by_the_site(began, end) if wanted else NOT_OFFERED
        if self.starter.content(self.account.user, self.account.home) is None:
            return NOT_OFFERED
        stopped = self.panel.known.starter_stopped() if wanted else "not_offered"
        found = self._by_ssh((end - began) * (1.0 if stopped else SSH_SHARE))
        if found.way or not wanted:
            return found
        LOG.warning("%s: not started by SSH: %s", self.account.user, found.reason)
        if stopped:
            return Started(reason=stopped, seconds=time.monotonic() - began)
        ((path, (content, _mode)),) = wanted.items()
        self.panel.files(self.account).put_extra(path, content)
        return self._by_the_site(began, end)

    def _by_ssh(self, seconds: float) -> Started:
        account = self.account
        return ssh_start.start(self.panel.settings.ssh, ssh_settings(), account.user, account.home, seconds)

    def _by_the_site(self, began: float, end: float) -> Started:
        way, reason = self._asked(end)
        if not way:
            self.take_away(end)
        return Started(way, reason, time.monotonic() - began)

    def take_away(self, until: float) -> None:
        """Remove a starter that is of no use any more; wait for that no longer than `until` (monotonic)."""
        if Call(self._ended).within(until - time.monotonic()) is None:
            LOG.info("%s: a starter may stay in the document root for now", self.account.user)

    def _ended(self) -> Answer:
        self.end()
        return Answer(True, None)

    def _asked(self, end: float) -> tuple[str, str]:
        written = self.panel.files(self.account).wait_for_extra(end - time.monotonic())
        if written is False:
            return "", "not_written"
        found = web_start.ask(self._place(), self.starter, end - LOOK_SECONDS)
        if found.started:
            return WEB, ""
        if not (found.gone or found.unsure or found.reason in ("refused_by_site", "wrong_answer")):
            return "", found.reason
        return "", self._explained(found, end, is_written=bool(written))

    def _explained(self, found: web_start.Outcome, end: float, *, is_written: bool) -> str:
        """Return why it was not started, where the account's files explain more than the site's answers."""
        folder, files = str(self.folder()), self.panel.files(self.account)
        calls = [Call(lambda place=place: _entries(files, place)) for place in (folder, FOLDER)]  # type: ignore[misc]
        answers = [call.within(end - time.monotonic()) for call in calls]
        site, agent = (answer.data if answer is not None and answer.ok else None for answer in answers)
        changed = self._changed((site or {}).get(self.starter.name)) if is_written else ""
        if changed:
            return changed
        if site is None or (found.reason == "wrong_answer" and not found.unsure):
            return found.reason
        if found.reason == "refused_by_site":
            # The account's own rules may refuse as well, and so does a site that cannot read the folder
            is_its_own = HTACCESS in site or web_start.refuses_all(self._place(), end)
            return "refused_by_site" if is_its_own else "refused_by_firewall"
        if self.starter.name in site:
            return found.reason
        if not agent or agent_files.has_begun(agent):
            # An agent removes starters, and nothing else is left of one that has ended
            return "overtaken"
        # The controller that was to write it may have been killed before
        missing = "vanished" if is_written else "not_written"
        return "took_too_long" if found.unsure else missing

    def _place(self) -> web_start.Place:
        address, host = self.panel.site_address(self.account), self.account.domain

        def secure() -> Origin:
            context = ssl.create_default_context()
            if self.panel.known.tls_ca is not None:
                context.load_verify_locations(self.panel.known.tls_ca)
            return Origin(address.ip, address.tls_port, context, host)

        names = [address.shop_at(host, https=https).host_and_port for https in (False, True)]
        return web_start.Place(host, Origin(address.ip, address.port), secure, address.tls_port, *names)

    def _changed(self, row: Mapping[str, object] | None) -> str:
        """Return what a scanner did to the starter of the panel's `row`, as a reason; "" where it lies there whole."""
        if row is None:
            return ""
        ((content, _mode),) = self._starter_file().values()
        if _is_closed(row):
            return "closed"
        return "" if size_of(row) in (None, len(content)) else "emptied"

    def end(self) -> None:
        """See Panel.end_start. A file that the account has put there under such a name is its own."""
        folder, names = self.folder(), with_probes(self.names())
        if folder is None or not names:
            return
        files = self.panel.files(self.account)
        found = files.entries(folder) or {}
        for name in found.keys() & set(names):
            content = b"" if _is_closed(found[name]) else files.read(f"{folder}/{name}", len(MARK))
            if content is not None and is_starter(content):
                files.remove(f"{folder}/{name}")


def put_files(files: Files, wanted: Mapping[str, tuple[bytes, int]]) -> None:
    """Write all of `wanted` in parallel; a starter is not checked or waited for."""
    for path, (content, mode) in wanted.items():
        if NAME.match(posixpath.basename(path)):
            files.put_extra(path, content)
        else:
            files.put(path, content, mode)
    files.finish()


def _is_closed(row: Mapping[str, object]) -> bool:
    """Return whether nobody may read a listed file."""
    mode = mode_of(row)
    return str(row.get("type")) == "file" and mode is not None and not mode & 0o444


def _entries(files: Files, folder: str) -> Answer:
    found: dict[str, Any] | None = files.entries(folder)
    return Answer(True, found or {})
