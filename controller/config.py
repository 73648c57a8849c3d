"""The installation's configuration: `shoplaunch.toml` in SHOPLAUNCH_HOME, environment variables over it."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared.controller_socket import PATH_BYTES
from shared.errors import ShoplaunchError

DEFAULT_HOME = "/var/lib/shoplaunch"
FILE_NAME = "shoplaunch.toml"
PREFIX = "SHOPLAUNCH_"
#: Hosts for which plain http is allowed: this machine.
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_ENVIRONMENT = (
    "public_url", "database_url", "bind", "agent_socket", "trusted_proxies", "job_hours", "callback_ca", "tls_ca",
)  # fmt: skip
#: A URL that browsers, mail programs and agents of any age read alike: no user, no path, only ASCII.
_ADDRESS = re.compile(
    r"https?://(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/*\Z"
)
#: More than a century is a mistake.
MOST_JOB_HOURS = 1_000_000
#: More than a century is a mistake.
MOST_DAYS = 36_525
#: More proxies in a row are a mistake.
MOST_PROXIES = 16
#: Of section [engine]: variable -> setting.
_OF_ENGINE = {"ENGINE": "kind", "BROKER_URL": "broker_url", "BROKER_URL_FILE": "broker_url_file"}
_TOP = {*_ENVIRONMENT, "agent_pythons", "mail", "engine", "retention", "local", "whmcs"}


@dataclass(frozen=True)
class MailConfig:
    """How mail leaves: into `folder` as .eml files when it is set, else by SMTP to `host`."""

    sender: str = "shoplaunch@localhost"
    folder: str | None = None
    host: str = "127.0.0.1"
    port: int = 25
    starttls: bool = False
    user: str | None = None
    password_file: str | None = None
    #: The operator's address for alarms; none are mailed when empty.
    operator: str | None = None

    def password(self) -> str | None:
        """Return the SMTP password. Raises config_invalid when its file cannot be read."""
        if self.password_file is None:
            return None
        try:
            return Path(self.password_file).read_text("utf-8").strip()
        except OSError as problem:
            raise ShoplaunchError("config_invalid", f"[mail] password_file: {problem.strerror}") from None


@dataclass(frozen=True)
class EngineConfig:
    """What moves the jobs: one of controller.jobs.engine.registry."""

    kind: str = "embedded"
    #: Of "celery": its broker's URL, with user and password; or a file that holds nothing but it.
    broker_url: str = field(default="", repr=False)
    broker_url_file: str = ""
    #: A PEM file of the authority of the broker's certificate, instead of the machine's own ones.
    broker_ca: str = ""
    #: The queue of this installation's hints; each installation at a broker has its own.
    queue: str = "shoplaunch"


@dataclass(frozen=True)
class RetentionConfig:
    """For how many days what is over is stored (controller.jobs.retention.registry); 0: forever."""

    events: int = 30
    request_log: int = 90
    audit: int = 730
    finished_jobs: int = 30
    personal_data: int = 90
    spools: int = 30


@dataclass(frozen=True)
class Config:
    """All settings of an installation; paths below `home` are fixed."""

    home: Path
    public_url: str = "http://127.0.0.1:8000"
    database_url: str = ""
    bind: str = "127.0.0.1:8000"
    #: Where `serve` listens for agents of this machine: a path in a folder of its own.
    agent_socket: str = ""
    #: Reverse proxies in front whose X-Forwarded-* headers are trusted.
    trusted_proxies: int = 0
    #: How long a job file is valid.
    job_hours: int = 24
    #: A PEM file the agents trust besides their host's own certificates.
    callback_ca: str | None = None
    #: A PEM file of authorities for shops' own certificates, in addition to the public ones.
    tls_ca: str | None = None
    #: Pythons (paths) for which the agent is compiled, in addition to the controller's own.
    agent_pythons: Sequence[str] = ()
    mail: MailConfig = field(default_factory=MailConfig)
    engine: EngineConfig = EngineConfig()
    retention: RetentionConfig = RetentionConfig()
    #: Section [local] unparsed; the local panel reads it.
    local: Mapping[str, Any] = field(default_factory=dict)
    #: Section [whmcs] unparsed; the billing driver reads it. Empty: clients of WHMCS orders are notified by mail.
    whmcs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """The configuration file."""
        return self.home / FILE_NAME

    @property
    def keys(self) -> Path:
        """The folder of the installation's keys, closed to everybody else."""
        return self.home / "keys"

    @property
    def bundles(self) -> Path:
        """The folder of bundles; accounts of this machine may read its files."""
        return self.home / "bundles"

    @property
    def agent_socket_path(self) -> Path:
        """The socket for agents of this machine; only its owner may write to its folder."""
        return Path(self.agent_socket) if self.agent_socket else self.home / "agents" / "socket"

    @property
    def wakeups(self) -> Path:
        """The folder in which workers are notified of jobs that are due, closed to everybody else."""
        return self.home / "wakeups"

    @property
    def agent(self) -> Path:
        """The folder with `run` and `agent.pyz`, the files placed in accounts."""
        return self.home / "agent"


def home_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Return SHOPLAUNCH_HOME or its default."""
    environment = os.environ if environment is None else environment
    return Path(environment.get(PREFIX + "HOME") or DEFAULT_HOME)


def load_config(environment: Mapping[str, str] | None = None, file: Path | None = None) -> Config:
    """Return the configuration, with the settings of `file` if it is given; a missing file means defaults.

    Raises config_invalid naming the setting.
    """
    environment = os.environ if environment is None else environment
    home = home_folder(environment)
    values = _read(file or home / FILE_NAME)
    unknown = sorted(set(values) - _TOP)
    if unknown:
        raise ShoplaunchError("config_invalid", f"{FILE_NAME} has no setting {unknown[0]!r}")
    for name in _ENVIRONMENT:
        if environment.get(PREFIX + name.upper()):
            values[name] = environment[PREFIX + name.upper()]
    values.setdefault("database_url", f"sqlite:///{home}/shoplaunch.db")
    mail, engine = _mail(values.pop("mail", {})), _engine(values.pop("engine", {}), environment)
    retention = _retention(values.pop("retention", {}))
    sections = {name: values.pop(name, {}) for name in ("local", "whmcs")}
    for name, section in sections.items():
        if not isinstance(section, dict):
            raise ShoplaunchError("config_invalid", f"[{name}] must be a section")
    for name in ("trusted_proxies", "job_hours"):
        if name in values:
            values[name] = _number(name, values[name])
    config = Config(home=home, mail=mail, engine=engine, retention=retention, **sections, **values)
    _check(config)
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        # Some editors write a byte order mark
        return tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise ShoplaunchError("config_invalid", f"{path}: {problem.strerror}") from None
    except ValueError as problem:
        raise ShoplaunchError("config_invalid", f"{path}: {problem}") from None


def _mail(values: Any) -> MailConfig:
    if not isinstance(values, dict):
        raise ShoplaunchError("config_invalid", "[mail] must be a section")
    known = {"password-file" if name == "password_file" else name for name in MailConfig.__dataclass_fields__}
    unknown = sorted(set(values) - known - {"password_file", "driver"})
    if unknown:
        raise ShoplaunchError("config_invalid", f"[mail] has no setting {unknown[0]!r}")
    found = {name.replace("-", "_"): value for name, value in values.items()}
    driver = found.pop("driver", "folder" if found.get("folder") else "smtp")
    if driver not in ("smtp", "folder") or (driver == "folder") != bool(found.get("folder")):
        raise ShoplaunchError("config_invalid", '[mail] driver must be "smtp", or "folder" together with folder')
    kinds = {"port": int, "starttls": bool}
    for name, value in found.items():
        kind = kinds.get(name, str)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ShoplaunchError("config_invalid", f"[mail] {name} must be a {kind.__name__}")
    return MailConfig(**found)


def _engine(values: Any, environment: Mapping[str, str]) -> EngineConfig:
    if not isinstance(values, dict):
        raise ShoplaunchError("config_invalid", "[engine] must be a section")
    values |= {name: environment[PREFIX + key] for key, name in _OF_ENGINE.items() if environment.get(PREFIX + key)}
    unknown = sorted(set(values) - set(EngineConfig.__dataclass_fields__))
    if unknown:
        raise ShoplaunchError("config_invalid", f"[engine] has no setting {unknown[0]!r}")
    for name, value in values.items():
        if not isinstance(value, str):
            raise ShoplaunchError("config_invalid", f"[engine] {name} must be a str")
    return EngineConfig(**values)


def _retention(values: Any) -> RetentionConfig:
    if not isinstance(values, dict):
        raise ShoplaunchError("config_invalid", "[retention] must be a section")
    unknown = sorted(set(values) - set(RetentionConfig.__dataclass_fields__))
    if unknown:
        raise ShoplaunchError("config_invalid", f"[retention] has no setting {unknown[0]!r}")
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_DAYS:
            raise ShoplaunchError(
                "config_invalid", f"[retention] {name} must be days, from 1 to {MOST_DAYS}; 0: forever"
            )
    return RetentionConfig(**values)


def _number(name: str, value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise ShoplaunchError("config_invalid", f"{name} must be a number") from None
    if isinstance(value, bool) or number < 0:
        raise ShoplaunchError("config_invalid", f"{name} must be a number of at least 0")
    return number


def _is_socket_path(path: str) -> bool:
    return path.startswith("/") and ".." not in Path(path).parts and len(os.fsencode(path)) <= PATH_BYTES


def _is_address(text: str) -> bool:
    try:
        return _ADDRESS.match(text) is not None and urlsplit(text).port != 0
    except ValueError:
        # An invalid port, or an invalid address in brackets
        return False


def _check(config: Config) -> None:
    for name in ("public_url", "database_url", "bind", "agent_socket"):
        if not isinstance(getattr(config, name), str):
            raise ShoplaunchError("config_invalid", f"{name} must be text")
    if not _is_address(config.public_url):
        message = "public_url must be an address such as https://control.example.com (a name in ASCII, nothing else)"
        raise ShoplaunchError("config_invalid", message)
    url = urlsplit(config.public_url)
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        raise ShoplaunchError("config_invalid", "public_url must be https, except for this very machine")
    if config.agent_socket and not _is_socket_path(config.agent_socket):
        raise ShoplaunchError("config_invalid", "agent_socket must be an absolute path of at most 107 bytes")
    pythons = config.agent_pythons
    if not isinstance(pythons, list | tuple) or not all(
        isinstance(one, str) and one.startswith("/") for one in pythons
    ):
        raise ShoplaunchError("config_invalid", "agent_pythons must be a list of absolute paths")
    if not 1 <= config.job_hours <= MOST_JOB_HOURS:
        raise ShoplaunchError("config_invalid", f"job_hours must be from 1 to {MOST_JOB_HOURS}")
    if config.trusted_proxies > MOST_PROXIES:
        raise ShoplaunchError("config_invalid", f"trusted_proxies must be {MOST_PROXIES} at most")
    if not config.home.is_absolute():
        raise ShoplaunchError("config_invalid", "SHOPLAUNCH_HOME must be an absolute path")
