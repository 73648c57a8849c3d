"""Checks of how browsers and agents reach the controller: its address, the proxies in front, the agents' socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from controller.doctor.servers import is_shared
from controller.jobs.lifecycle import bundle_readers
from controller.network.failures import NetworkError
from controller.network.http_client import HttpClient, HttpRequest, Limits, Origin
from controller.network.json_body import parse
from controller.network.trust import trusted
from controller.panels.base import Check
from controller.settings.sections import Config
from shared import controller_socket, installed
from shared.errors import advice, is_known

TIMEOUT_SECONDS = 10
_READY_BYTES = 64 * 1024


def web(config: Config) -> Iterator[Check]:
    """Yield whether the public address answers and is ready."""
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


def _code_of(body: bytes) -> str:
    """Return the error code in the answer of /readyz, "" when it holds none that is known."""
    try:
        code = parse(body)["code"]
    except (ValueError, TypeError, KeyError):
        return ""
    return code if isinstance(code, str) and is_known(code) else ""


def agents_socket(config: Config) -> Iterator[Check]:
    """Yield whether the agents' socket is this controller's and open to accounts; also a port any account may take."""
    shared = is_shared(config)
    if not shared and urlsplit(config.public_url).scheme != "http":
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
    if shared and not config.bind.startswith("unix:"):
        message = f"{config.bind}: while it restarts, any account may hold this port and hear who signs in or orders"
        what = 'Behind a web server on this machine set bind = "unix:PATH" in a folder of root\'s.'
        yield Check("port", True, message, what)


def proxies(config: Config) -> Iterator[Check]:
    """Yield whether the proxies in front are named, and whether accounts may pass for one."""
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
