"""Checks what an installation needs to work, one by one; nothing is changed."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from controller.access import key_possession
from controller.agent_archive import versions
from controller.agent_archive.build import is_current, launcher
from controller.backups import aftermath
from controller.billing.whmcs import check as whmcs_check
from controller.billing.whmcs.settings import WhmcsSettings
from controller.db import bundles, health, migrate, retention
from controller.db.connection.clock import database_now
from controller.db.connection.engine import make_engine, reading
from controller.db.identities import access, api_keys
from controller.db.machines import breakers, channels, duties, servers
from controller.jobs.lifecycle import bundle_readers
from controller.keys import load_keys
from controller.network import probes
from controller.network.failures import NetworkError
from controller.network.http_client import HttpClient, HttpRequest, Limits, Origin
from controller.network.json_body import parse
from controller.network.trust import trusted
from controller.panels.base import Check
from controller.panels.registry import is_here, open_panel
from controller.settings.sections import Config
from controller.setup import secret_files
from controller.timestamps import iso
from shared import controller_socket, installed
from shared.errors import ShoplaunchError, advice, is_known
from shared.job import AGENT_FILE, LAUNCHER_FILE

TIMEOUT_SECONDS = 10
#: Variables that other programs use and this one ignores.
IGNORED_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_READY_BYTES = 64 * 1024
#: Workers remove what is over every hour.
SWEEP_SECONDS = 2 * 86_400.0
#: The package makes one each night.
BACKUP_SECONDS = 2 * 86_400.0
#: Only root may listen on ports up to this one.
_LAST_CLOSED_PORT = 1023


def examine(config: Config) -> list[Check]:
    """Return a row for every check."""
    rows: list[Check] = []
    for name, check in _CHECKS.items():
        try:
            rows += [replace(row, name=row.name or name) for row in check(config)]
        except ShoplaunchError as error:
            rows.append(Check(name, False, error.message, advice(error.code)))
        except OSError as error:
            rows.append(Check(name, False, str(error), "Check the file's owner and mode."))
    return rows


def _keys(config: Config) -> Iterator[Check]:
    keys = load_keys(config.keys)
    mode = config.keys.stat().st_mode & 0o077
    yield Check("", mode == 0, f"{len(keys.signing)} signing key(s)", f"chmod 700 {config.keys}" if mode else "")


def _secret_files(config: Config) -> Iterator[Check]:
    for path, what in secret_files.open_to_all([config.file, *(path for _name, path in secret_files.named(config))]):
        yield Check("", False, f"every user of this machine can read {path}", what)


def _sealed(config: Config) -> Iterator[Check]:
    with reading(make_engine(config.database_url)) as connection:
        opened, closed = key_possession.opens(connection, load_keys(config.keys))
    message = f"{closed} of {opened + closed} were sealed with a key that is gone" if closed else "the keys open them"
    yield Check("", not closed, message, advice("keys_lost"))


def _database(config: Config) -> Iterator[Check]:
    revision, head = migrate.revisions(make_engine(config.database_url))
    newer = revision is not None and revision not in migrate.known()
    todo = advice("database_newer") if newer else "Run `shoplaunch migrate`."
    yield Check("", revision == head, f"schema {revision or 'none'} of {head}", todo)
    if revision == head:
        with reading(make_engine(config.database_url)) as connection:
            users = access.list_operators(connection)
        yield Check("operators", bool(users), ", ".join(users) or "none", "Run `shoplaunch user add NAME`.")


def _agent(config: Config) -> Iterator[Check]:
    path = config.agent / AGENT_FILE
    if not path.is_file() or not (config.agent / LAUNCHER_FILE).is_file():
        raise ShoplaunchError("agent_not_built", f"there is no agent in {config.agent}")
    try:
        with zipfile.ZipFile(path) as archive:
            known = archive.read("agent/keys.json").decode("ascii")
            yield _version(config, archive)
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as problem:
        raise ShoplaunchError("agent_not_built", f"{path} is damaged: {problem}") from None
    newest = load_keys(config.keys).public_keys()[-1].hex()
    fits = newest in known
    yield Check("", fits, "knows the newest key" if fits else "does not know the newest key", "Run `shoplaunch init`.")


def _version(config: Config, archive: zipfile.ZipFile) -> Check:
    name = "agent's version"
    try:
        current = is_current(archive, config.agent_pythons)
    except ShoplaunchError as error:
        return Check(name, False, f"agent_pythons: {error.message}", "Correct agent_pythons in shoplaunch.toml.")
    current = current and (config.agent / LAUNCHER_FILE).read_bytes() == launcher()
    message = "of this version" if current else "not of this version, or compiled for other Pythons than agent_pythons"
    return Check(name, current, message, "Run `shoplaunch migrate`, then `skeleton install` per server.")


def _channels(config: Config) -> Iterator[Check]:
    kept = versions.kept(config.agent)
    with reading(make_engine(config.database_url)) as connection:
        known = channels.listed(connection)
    for one in known:
        gone = [version for version in (one.current, one.next) if version not in ("", *kept)]
        if gone:
            message = f"channel {one.name}: {' and '.join(gone)} not kept here; its jobs get the installed agent"
            instead = f"`shoplaunch agent follow --channel {one.name}`"
            yield Check("", False, message, f"Bring it back into {config.agent / versions.FOLDER}, or run {instead}.")
        if one.stopped_at is not None:
            message = f"channel {one.name}: the roll-out of {one.next} stopped on {iso(one.stopped_at)}: {one.reason}"
            yield Check("", False, message, advice("roll_out_stopped"), optional=True)


def _bundles(config: Config) -> Iterator[Check]:
    with reading(make_engine(config.database_url)) as connection:
        known = bundles.listed(connection)
    for bundle in known:
        path = config.bundles / f"{bundle.name}.bundle"
        name = f"bundle {bundle.name}"
        if not path.is_file() or path.stat().st_size != bundle.size:
            yield Check(name, False, "missing or cut short", f"Add it again: `bundle add {bundle.name} FILE`.")
        elif path.stat().st_mode & 0o007:
            advice_of_mode = f"chmod 600 {path}, and chown it to the user of the service, which then keeps it closed."
            yield Check(name, False, "every user of this machine can copy it", advice_of_mode)
        else:
            yield Check(name, True, "there")
    if known and any(is_here(server.panel) for server in servers_of(config)):
        near = bundle_readers.keeps_lists(config.bundles)
        far = "fetched from here: the file system keeps no access lists, or accounts may not enter the folders above"
        yield Check("bundles", True, "read where they lie, each by accounts whose jobs need it" if near else far)


def servers_of(config: Config) -> list[servers.Server]:
    """Return the servers this installation knows."""
    with reading(make_engine(config.database_url)) as connection:
        return servers.listed(connection)


def _operator(config: Config) -> Iterator[Check]:
    known = bool(config.mail.operator)
    message = (
        f"alarms go to {config.mail.operator}"
        if known
        else "nobody is notified of failures: [mail] operator is not set"
    )
    yield Check("", known, message, advice("operator_missing"))


def _alarms(config: Config) -> Iterator[Check]:
    with reading(make_engine(config.database_url)) as connection:
        wanted = sum(health.alarms_wanted(connection))
    message = f"{wanted} not delivered" if wanted else "all are delivered"
    yield Check(
        "",
        not wanted,
        message,
        f"Correct [mail], then {installed.phrase('restart')}: they are delivered within a minute.",
    )


def _refused(config: Config) -> Iterator[Check]:
    with reading(make_engine(config.database_url)) as connection:
        found = health.open_refused(connection)
    message = f"{found} wait for an operator" if found else "none"
    yield Check("", not found, message, "Run `shoplaunch refused list`.")


def _retention(config: Config) -> Iterator[Check]:
    with reading(make_engine(config.database_url)) as connection:
        last, now = retention.swept_at(connection), database_now(connection)
    late = last is not None and now - last > SWEEP_SECONDS
    periods = ", ".join(f"{name} {days or 'forever'}" for name, days in vars(config.retention).items())
    when = "nothing was removed yet" if last is None else f"what is over was removed last on {iso(last)}"
    what = f"Where no worker runs, {installed.phrase('start')}, or run `shoplaunch prune` by a timer."
    yield Check("", not late, f"days: {periods}; {when}", what)


def _backups(config: Config) -> Iterator[Check]:
    with reading(make_engine(config.database_url)) as connection:
        last, now = access.last_time(connection, retention.BACKED_UP), database_now(connection)
    late = last is not None and now - last > BACKUP_SECONDS
    message = "none was made yet" if last is None else f"the last was made on {iso(last)}"
    what = "Run `shoplaunch backup FILE`; where a timer does, ask why it failed: `systemctl status shoplaunch-backup`."
    yield Check("", not late, message, what if late else "", optional=True)


def _duties(config: Config) -> Iterator[Check]:
    with reading(make_engine(config.database_url)) as connection:
        failing = [one for one in duties.listed(connection) if one.well_at is None]
    if not failing:
        yield Check("", True, "none fails")
    for one in failing:
        yield Check(f"duty {one.name}", False, f"fails since {iso(one.since)}: {one.message}", advice(one.code))


def _restored(config: Config) -> Iterator[Check]:
    with reading(make_engine(config.database_url)) as connection:
        found = aftermath.to_review(connection, database_now(connection))
    if found is None:
        return
    at, back = found
    message = f"a backup was brought back on {iso(at)}; as it was when that was made: {'; '.join(back.lines())}"
    what = f"End what had been revoked since, as {installed.phrase('operating')} says; this is shown for two weeks."
    yield Check("", False, message, what, optional=True)


def _mail(config: Config) -> Iterator[Check]:
    if config.mail.folder:
        yield Check("", Path(config.mail.folder).is_dir(), f"into {config.mail.folder}", "Make the folder.")
        return
    where = (config.mail.host, config.mail.port)
    try:
        probes.connect(*where, TIMEOUT_SECONDS)
    except NetworkError as problem:
        yield Check("", False, f"{where[0]}:{where[1]}: {problem.reason}", advice("mail_failed"))
    else:
        yield Check("", True, f"{where[0]}:{where[1]} answers")


def _whmcs(config: Config) -> Iterator[Check]:
    if not config.whmcs:
        return
    for key, settings in WhmcsSettings.sections(config.whmcs).items():
        for name, ok, message, what in whmcs_check.permissions(settings):
            yield Check(" ".join(filter(None, ("whmcs", key, name))), ok, message, what)
        yield from _port_of_whmcs(config, " ".join(filter(None, ("whmcs", key, "port"))), settings.url)
    ignored = ", ".join(name for name in IGNORED_VARIABLES if os.environ.get(name))
    if ignored:
        message = f"{ignored}: not read; calls are direct, authorities are this machine's or those of SSL_CERT_FILE"
        yield Check("whmcs environment", True, message)


def _port_of_whmcs(config: Config, name: str, url: str) -> Iterator[Check]:
    parts = urlsplit(url)
    if parts.scheme != "http" or (parts.port or 80) <= _LAST_CLOSED_PORT:
        return
    try:
        shared = _is_shared(config)
    except ShoplaunchError:
        # The row `database` says why nobody knows
        return
    if shared:
        message = f"{url}: while a process of an account holds this port nothing is sent, and WHMCS counts as away"
        yield Check(name, True, f"{message}; https, or a port up to {_LAST_CLOSED_PORT}, is nobody else's")


def _is_shared(config: Config) -> bool:
    """Return whether accounts live on the controller's own machine."""
    return any(is_here(server.panel) for server in servers_of(config))


def _web(config: Config) -> Iterator[Check]:
    url = config.public_url.rstrip("/") + "/readyz"
    try:
        client = HttpClient(Origin.of(url, trusted(config.callback_ca or "")))
        answer = client.ask(HttpRequest("GET", urlsplit(url).path), Limits(TIMEOUT_SECONDS, _READY_BYTES))
        ready = answer.status == 200
        code = "" if ready else _code_of(answer.body)
        what = advice(code) if is_known(code) else f"To know why, {installed.phrase('log')}."
        yield Check("", ready, f"{url} answered {answer.status} {code}".strip(), what)
    except NetworkError as problem:
        yield Check(
            "", False, f"{url}: {problem.reason}", f"To start it, {installed.phrase('start')}; check public_url."
        )


def _keys_of_whmcs(config: Config) -> Iterator[Check]:
    sections = WhmcsSettings.sections(config.whmcs)
    if not sections:
        return
    with reading(make_engine(config.database_url)) as connection:
        known = api_keys.names(connection)
    if "" in sections and len(known) > 1:
        message = (
            f"[whmcs] does not say which of the keys {', '.join(known)} is its own: its clients are notified by mail"
        )
        yield Check("", False, message, 'Write key = "NAME" into [whmcs]; another WHMCS gets a section [whmcs.NAME].')
    unknown = sorted(set(sections) - {"", *known})
    if unknown:
        yield Check("", False, f"there is no key {unknown[0]}", "See `shoplaunch key list`.")


def _agents(config: Config) -> Iterator[Check]:
    is_shared = _is_shared(config)
    if not is_shared and urlsplit(config.public_url).scheme != "http":
        return
    path, owner = config.agent_socket_path, config.keys.stat().st_uid
    try:
        controller_socket.connect(str(path), TIMEOUT_SECONDS, owner).close()
    except OSError as problem:
        yield Check("", False, f"{path}: {problem.strerror}", f"To start it, {installed.phrase('start')}.")
    else:
        may_enter = bundle_readers.others_may_enter(path.parent)
        message = "this controller's own" if may_enter else "where accounts may not enter"
        yield Check("", may_enter, f"{path} is {message}", "Let accounts pass through its folders (mode 711).")
    if is_shared and not config.bind.startswith("unix:"):
        message = f"{config.bind}: while it restarts, any account may hold this port and hear who signs in or orders"
        what = 'Behind a web server on this machine set bind = "unix:PATH" in a folder of root\'s.'
        yield Check("port", True, message, what)


def _code_of(body: bytes) -> str:
    """Return the error code in the answer of /readyz, "" when it holds none that is known."""
    try:
        code = parse(body)["code"]
    except (ValueError, TypeError, KeyError):
        return ""
    return code if isinstance(code, str) and is_known(code) else ""


def _proxies(config: Config) -> Iterator[Check]:
    hops = config.trusted_proxies
    # `serve` speaks plain http: behind an https address there is a proxy
    missing = not hops and urlsplit(config.public_url).scheme == "https"
    message = "not set: everybody who signs in seems to come from the proxy" if missing else f"{hops}"
    what = f"Set trusted_proxies to how many proxies are in front (mostly 1), then {installed.phrase('restart')}."
    yield Check("", not missing, message, what)
    place = config.bind.partition("unix:")[2]
    folder = Path(place).parent
    if hops and place and folder.is_dir() and bundle_readers.others_may_enter(folder):
        message = f"any account of this machine may connect to {place} and pass for a proxy: for anybody's address"
        what = "Put the socket into a folder that only root and the web server's group may enter (mode 710)."
        yield Check("proxies' socket", False, message, what)


def _servers(config: Config) -> Iterator[Check]:
    known = servers_of(config)
    with reading(make_engine(config.database_url)) as connection:
        opened = breakers.opened(connection)
    if not known:
        yield Check("servers", False, "none", "Run `shoplaunch server add`.")
    for server in known:
        if server.locked_at is not None:
            # Another login with the refused token would get this address locked out for longer
            reason = f"locked, not looked at: {server.locked_reason}"
            what = f"Fix it, then run `shoplaunch server check {server.name}`."
            yield Check(f"{server.name}: login", False, reason, what)
            continue
        if server.name in opened:
            yield _failing(opened[server.name])
            continue
        try:
            rows = open_panel(config, server).check()
        except ShoplaunchError as error:
            rows = [Check("panel", False, error.message, advice(error.code))]
        for row in rows:
            yield replace(row, name=f"{server.name}: {row.name}")


def _failing(breaker: breakers.Breaker) -> Check:
    """Return the row of a server whose breaker is open: a call would only be waited for."""
    message = f"fails since {iso(breaker.since)}, not looked at: {breaker.reason}; next look {iso(breaker.next_at)}"
    what = f"Its jobs wait. Mend it, then `shoplaunch server check {breaker.server}`: they go on at once."
    return Check(f"{breaker.server}: answers", False, message, what)


_CHECKS: dict[str, Callable[[Config], Iterator[Check]]] = {
    "keys": _keys,
    "secret files": _secret_files,
    "database": _database,
    "sealed values": _sealed,
    "agent": _agent,
    "agents' channels": _channels,
    "bundles": _bundles,
    "operator's address": _operator,
    "restored": _restored,
    "mail": _mail,
    "alarms": _alarms,
    "refused orders": _refused,
    "retention": _retention,
    "backups": _backups,
    "duties": _duties,
    "whmcs": _whmcs,
    "whmcs key": _keys_of_whmcs,
    "trusted proxies": _proxies,
    "web": _web,
    "agents' socket": _agents,
    "servers": _servers,
}
