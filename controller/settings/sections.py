"""Every setting: name, type, default and what it is for. The table in controller/OPERATING.md is made from these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from controller.log_entries import JSON, TEXT
from controller.settings import rules
from controller.wording.languages import LANGUAGES, choices
from shared.errors import ShoplaunchError

FILE_NAME = "shoplaunch.toml"
#: Raised by one with each release that adds, renames or ends a setting.
SETTINGS_VERSION = 1
#: How the client gets the back office's password: a page shows it once, a page lets one be chosen, the mail has it.
LINK, SET, MAIL = "link", "set", "mail"
CREDENTIALS = (LINK, SET, MAIL)
#: What operators are written to in.
OperatorLanguage = Annotated[str, rules.one_of(*LANGUAGES)]
#: What pydantic is asked for: a name that is no setting is an error.
_STRICT = {"extra": "forbid"}


def setting(default: Any, description: str, *, secret: bool = False) -> Any:
    """Return a field with its description; a `secret` one is never shown."""
    return field(default=default, repr=not secret, metadata={"description": description, "secret": secret})


def needed(description: str) -> Any:
    """Return a field without a default."""
    return field(metadata={"description": description})


@dataclass(frozen=True)
class MailConfig:
    """How mail leaves: into `folder` as .eml files when it is set, else by SMTP to `host`."""

    __pydantic_config__ = _STRICT

    sender: str = setting("shoplaunch@localhost", "The sender's address of every mail")
    folder: str | None = setting(None, "Mails are written into this folder instead of being sent")
    host: str = setting("127.0.0.1", "The mail server (SMTP)")
    port: rules.Number = setting(25, "Its port")
    starttls: rules.YesOrNo = setting(False, "Whether it is spoken to by STARTTLS, with a verified certificate")
    user: str | None = setting(None, "Who signs in at the mail server; nobody unless named")
    password_file: str | None = setting(None, "A file that holds nothing but that user's password")
    operator: str | None = setting(None, "The operator's address for alarms; none are mailed without it")
    operator_language: OperatorLanguage = setting(
        "en", f"The language of alarms, and of notes to staff in tickets: {choices()}"
    )
    driver: str = setting("", "`smtp` or `folder`; which of them is decided by `folder` otherwise")

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

    __pydantic_config__ = _STRICT

    kind: str = setting("embedded", "What moves the jobs: `embedded`, or `celery` for several machines")
    broker_url: str = setting("", "The broker of `celery`: redis://, rediss://, amqp:// or amqps://", secret=True)
    broker_url_file: str = setting("", "A file that holds nothing but the broker's URL")
    broker_ca: str = setting("", "Authorities (PEM) of the broker's certificate, instead of the machine's own")
    queue: str = setting("shoplaunch", "The queue of hints; each installation at a broker has its own")


@dataclass(frozen=True)
class RetentionConfig:
    """For how many days what is over is stored (controller.jobs.retention.registry); 0: forever."""

    __pydantic_config__ = _STRICT

    events: rules.Days = setting(30, "Days for which finished jobs' events are stored; 0: forever")
    request_log: rules.Days = setting(90, "The same for the log of requests")
    audit: rules.Days = setting(730, "The same for who changed what")
    finished_jobs: rules.Days = setting(30, "The same for the details of finished jobs")
    personal_data: rules.Days = setting(90, "The same for clients' data, once their job is over")
    spools: rules.Days = setting(30, "The same for files that were left over")


@dataclass(frozen=True)
class BundleStoreConfig:
    """An S3-compatible store of bundles; without an endpoint there is none."""

    __pydantic_config__ = _STRICT

    endpoint: str = setting("", "An S3-compatible store of bundles, such as https://s3.example.com; none unless named")
    bucket: str = setting("", "The bucket there")
    region: str = setting("us-east-1", "Its region, as requests are signed for it")
    access_key: str = setting("", "The name of the key that requests are signed with")
    secret_key: str = setting("", "The secret of that key", secret=True)
    secret_key_file: str = setting("", "A file that holds nothing but the secret")
    path_style: rules.YesOrNo = setting(True, "Whether the bucket stands in the path, instead of in front of the host")
    address_minutes: rules.Number = setting(
        15, "How long the address of a bundle is valid that an agent gets; 60 at most"
    )
    ca: str = setting("", "Authorities (PEM) of the store's certificate; agents need them in callback_ca")


@dataclass(frozen=True)
class LocalSection:
    """Section [local]: paths of the machine, and the commands that make its services reload."""

    __pydantic_config__ = _STRICT

    home_base: rules.AbsolutePath = setting("/home", "New homes are created here; accounts elsewhere are never touched")
    skeleton: rules.AbsolutePath = setting("/var/lib/shoplaunch/skel", "The skeleton of new accounts (`useradd -k`)")
    skeleton_source: str = setting("/etc/skel", "The folder that skeleton is copied from")
    state_folder: rules.AbsolutePath = setting("/var/lib/shoplaunch/local", "Locks and notes of the panel itself")
    shell: str = setting("/usr/sbin/nologin", "The shell of new accounts")
    document_root: rules.PathBelowHome = setting("public_html", "The document root, below an account's home")

    mariadb_socket: rules.AbsolutePath = setting("/run/mysqld/mysqld.sock", "The socket of the accounts' MariaDB")
    mariadb_user: str = setting("root", "Who makes databases there")
    mariadb_uid: rules.UserId = setting(
        0, "Number of the user who listens there, if neither root nor called mysql or mariadb; 0: one of these"
    )
    mariadb_connections: rules.Share = setting(40, "How many of its connections an account's shop may hold at a time")

    apache: rules.Words = setting(("apachectl",), "The command of Apache")
    apache_reload: rules.Words = setting(("apachectl", "-k", "graceful"), "The command that makes it reload")
    apache_sites: rules.AbsolutePath = setting("/etc/apache2/sites-enabled", "Where virtual hosts are written")
    apache_logs: rules.AbsolutePath = setting("/var/log/apache2", "Where their logs are")
    apache_slots: rules.Share = setting(40, "How many of its processes an account's site may hold at a time")
    http_ip: str = setting("127.0.0.1", "The address at which checks ask for shops")
    http_port: rules.Port = setting(80, "The port of the virtual hosts")

    php: Sequence[Any] = setting((), "Tables `[[local.php]]`, one for each PHP-FPM; those of the machine unless given")
    php_memory_limit: str = setting("512M", "`memory_limit` of shops")
    php_upload_limit: str = setting("64M", "`upload_max_filesize` of shops")

    cron_interval_seconds: rules.Number = setting(60, "How often cron looks at crontabs")
    crontab: str = setting("crontab", "The command that reads and writes crontabs")
    free_disk_bytes: rules.Number = setting(2 * 1024**3, "`server check` warns below this much free space")
    command_seconds: rules.Number = setting(120, "A command that takes longer is ended")


@dataclass(frozen=True)
class WhmcsSection:
    """Section [whmcs], or [whmcs.KEY] of each further WHMCS."""

    __pydantic_config__ = _STRICT

    url: rules.WhmcsUrl = needed("WHMCS's address; it is needed, as the next four are, once there is a section")
    identifier: Annotated[str, rules.Needed] = needed("Of the API credential there")
    secret_file: Annotated[str, rules.Needed] = needed("A file that holds nothing but its secret")
    department: Annotated[rules.Number, rules.Needed] = needed("The number of the support department for tickets")
    admin: Annotated[str, rules.Needed] = needed("The administrator who answers are signed by")
    access_key_file: str = setting(
        "", "A file with WHMCS's `$api_access_key`, where its list of addresses cannot name us"
    )
    credentials: Annotated[str, rules.one_of(*CREDENTIALS)] = setting(
        LINK,
        "`link`: a page shows the password once; `set`: the client chooses one there; `mail`: the mail has it",
    )
    ca: str = setting("", "Authorities (PEM) of WHMCS's certificate, where that is not a public one")
    timeout_seconds: rules.Seconds = setting(30, "How long a call may take")
    key: str = setting("", "The key its addon signs with; the only one there is unless named")


@dataclass(frozen=True)
class Config:
    """All settings of an installation; paths below `home` are fixed."""

    home: Path
    public_url: rules.PublicUrl = setting(
        "http://127.0.0.1:8000", "Where accounts and clients reach the controller; https unless it is this very machine"
    )
    database_url: str = setting("", "The state database; SQLite in the folder of the state unless named", secret=True)
    bind: str = setting("127.0.0.1:8000", "Where `serve` listens: HOST:PORT, or unix:PATH")
    agent_socket: rules.SocketPath = setting(
        "", "Where `serve` listens for agents of this machine; agents/socket in the folder of the state unless named"
    )
    trusted_proxies: rules.Proxies = setting(0, "Reverse proxies in front, each of which sets X-Forwarded-For")
    job_hours: rules.JobHours = setting(24, "How long a job file is valid")
    callback_ca: str | None = setting(None, "Authorities (PEM) that agents trust besides their host's own")
    tls_ca: str | None = setting(None, "Authorities (PEM) of shops' certificates besides the public ones")
    log_format: Annotated[str, rules.one_of(TEXT, JSON)] = setting(
        TEXT, "How `serve` and `worker` write their log: `text`, or `json` for programs"
    )
    traces_url: rules.CollectorUrl = setting(
        "", "A collector of OpenTelemetry (OTLP over HTTP) for traces of the jobs; none unless named"
    )
    agent_pythons: rules.Pythons = setting((), "Pythons (paths) the agent is compiled for besides the controller's own")
    backup_passphrase_file: str = setting(
        "", "A file that holds nothing but the passphrase of all backups; none holds it itself: keep a copy elsewhere"
    )
    settings_version: rules.Version = setting(
        SETTINGS_VERSION, "Which version's settings the file has; a program that knows fewer says so"
    )
    mail: MailConfig = field(default_factory=MailConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    retention: RetentionConfig = field(default_factory=RetentionConfig)
    bundle_store: BundleStoreConfig = field(default_factory=BundleStoreConfig)
    #: Section [local] as it was given; the local panel reads it.
    local: Mapping[str, Any] = field(default_factory=dict)
    #: Section [whmcs] as it was given; the billing driver reads it. Empty: clients are notified by mail.
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
