"""Check the server for the local panel's requirements, row by row, without changing anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from controller.panels.base import Check
from controller.panels.local import blocks, commands, php_versions
from controller.panels.local.php_versions import PhpFpm
from controller.panels.local.services import php_memory
from controller.panels.local.services.apache import (
    ISOLATION_MODULE,
    REQUIRED_MODULES,
    SHARED_MODULES,
    STATUS_MODULE,
    Sites,
    hides_requests,
)
from controller.panels.local.services.mariadb import CONNECT_SECONDS, Databases
from controller.panels.local.services.php_fpm import Pools, sockets_are_safe
from controller.panels.local.settings import LocalSettings
from controller.panels.local.skeleton import Skeleton
from shared.database import unix_socket
from shared.errors import ShoplaunchError, advice

#: Extensions that nearly every shop needs; a bundle has its own list.
COMMON_EXTENSIONS = frozenset(
    ("curl", "dom", "fileinfo", "gd", "intl", "json", "mbstring", "mysqli", "openssl", "pdo_mysql", "simplexml", "zip")
)
TOOLS = ("useradd", "userdel", "usermod", "crontab")
CRON_NAMES = frozenset({"cron", "crond", "cronie"})
_ANEW = "The next order, or `shoplaunch retry` of a job here, writes them anew."


def check_server(settings: LocalSettings) -> list[Check]:
    """Return one row for each requirement of the panel."""
    rows: list[Callable[[LocalSettings], Check]] = [_root, _tools, _home, _disk, _mariadb, _cron]
    return [*(row(settings) for row in rows), *_apache(settings), *_php(settings), _skeleton(settings)]


def _root(settings: LocalSettings) -> Check:
    if os.geteuid() == 0:
        return Check("root", True, "works as root")
    return Check("root", False, "not root", "Run this command, the web server and the worker as root.")


def _tools(settings: LocalSettings) -> Check:
    missing = [name for name in TOOLS if shutil.which(name, path=commands.SBIN) is None]
    if not missing:
        return Check("account tools", True, ", ".join(TOOLS))
    return Check("account tools", False, f"missing: {', '.join(missing)}", "apt-get install passwd cron")


def _home(settings: LocalSettings) -> Check:
    base = Path(settings.home_base)
    if not base.is_dir():
        return Check("home base", False, f"{base} does not exist", f"mkdir -m 755 {base}")
    status = base.stat()
    if status.st_uid != 0 or status.st_mode & 0o022:
        return Check("home base", False, f"{base} is writable for others than root", f"chown root {base}; chmod 755")
    return Check("home base", True, str(base))


def _disk(settings: LocalSettings) -> Check:
    base = Path(settings.home_base)
    if not base.is_dir():
        return Check("disk", False, f"{base} does not exist", essential=False)
    free = shutil.disk_usage(base).free
    message = f"{free / 1024**3:.1f} GiB free in {base}"
    enough = free >= settings.free_disk_bytes
    return Check("disk", enough, message, "" if enough else "Free some space.", essential=False)


def _mariadb(settings: LocalSettings) -> Check:
    try:
        # As the accounts' agents check it
        uid = settings.mariadb_uid or None
        unix_socket.connect(settings.mariadb_socket, CONNECT_SECONDS, uid).close()
        with Databases(settings).cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            row = cursor.fetchone()
    except (ShoplaunchError, OSError) as error:
        what = f"Start the server, or set [local] mariadb_socket (now {settings.mariadb_socket})."
        if isinstance(error, OSError):
            message = f"the database server does not answer at {settings.mariadb_socket}: {error.strerror}"
            return Check("database", False, message, what)
        return Check("database", False, error.message, advice(error.code) if error.code.startswith("db_") else what)
    return Check("database", True, f"{row[0] if row else '?'} at {settings.mariadb_socket}")


def _cron(settings: LocalSettings) -> Check:
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            name = path.read_text().strip()
        except OSError:
            # The process ended during the check.
            continue
        if name in CRON_NAMES:
            return Check("cron", True, f"{name} runs (process {path.parent.name})")
    return Check("cron", False, "no cron runs", "apt-get install cron, then start it: service cron start")


def _apache(settings: LocalSettings) -> Iterator[Check]:
    try:
        listed = commands.run([*settings.apache, "-M"]).decode("utf-8", "replace")
        commands.run([*settings.apache, "-t"])
    except ShoplaunchError as error:
        yield Check("apache", False, error.message, "Install apache2, or correct its configuration.")
        return
    sites = Path(settings.apache_sites)
    yield Check("apache", sites.is_dir(), f"sites in {sites}", "" if sites.is_dir() else f"{sites} does not exist.")
    missing = sorted(name for name in REQUIRED_MODULES if f" {name} " not in listed)
    if missing:
        names = " ".join(name.removesuffix("_module") for name in missing)
        yield Check("apache modules", False, f"missing: {names}", f"a2enmod {names}; then reload Apache")
    else:
        yield Check("apache modules", True, f"all {len(REQUIRED_MODULES)} that are needed")
    yield _isolation(f" {ISOLATION_MODULE} " in listed)
    shared = SHARED_MODULES if hides_requests(sites / blocks.FILE_NAME) else {*SHARED_MODULES, STATUS_MODULE}
    yield _shared(sorted(name.removesuffix("_module") for name in shared if f" {name} " in listed))
    yield _slots(settings, f" {STATUS_MODULE} " in listed)


def _isolation(loaded: bool) -> Check:
    if loaded:
        return Check("apache isolation", True, "each account's site is served as the account (mpm_itk)")
    message = "mpm_itk is not loaded: one user would serve all accounts, and each could use the others' PHP"
    advice = (
        "apt-get install libapache2-mpm-itk; a2dismod mpm_event mpm_worker; a2enmod mpm_prefork mpm_itk; "
        "then restart Apache (a reload is not enough). PHP as an Apache module must be off: a2dismod 'php*'."
    )
    return Check("apache isolation", False, message, advice)


def _shared(names: Sequence[str]) -> Check:
    if not names:
        return Check("apache's shared modules", True, "no account's .htaccess reaches what belongs to all")
    message = f"any account's .htaccess can use {', '.join(names)}, which shows or does what concerns all accounts"
    return Check("apache's shared modules", False, message, f"a2dismod {' '.join(names)}; then restart Apache")


def _slots(settings: LocalSettings, with_status: bool) -> Check:
    name = "apache's processes"
    if with_status:
        message = "one account can hold all of Apache's processes: they are counted only where mod_status is not loaded"
        return Check(name, False, message, "a2dismod status; then restart Apache", essential=False)
    users = Sites(settings).without_limit()
    if not users:
        return Check(name, True, f"an account holds {settings.apache_slots} of them at most", essential=False)
    message = f"the sites of {len(users)} can hold all of Apache's processes ({_some(users)})"
    return Check(name, False, message, _ANEW, essential=False)


def _some(users: Sequence[str]) -> str:
    return ", ".join(users[:5]) + (", …" if len(users) > 5 else "")


def _sockets(php: PhpFpm) -> Check:
    folder, name = Path(php.sockets), f"php {php.version} sockets"
    if sockets_are_safe(folder) or not folder.exists():
        return Check(name, True, f"sockets in {folder}")
    advice = f"chown root:root {folder}; chmod 755 {folder} - or name another folder in [[local.php]] sockets."
    return Check(name, False, f"others than root can change the sockets in {folder}", advice)


def _memory(php: PhpFpm) -> Check:
    name = f"php {php.version} memory"
    if not php_memory.shares_scripts(php):
        return Check(name, True, "no account's scripts are in memory that is one for all accounts")
    message = "opcache's memory is one for all accounts, each of which can read it: their PHP runs without opcache"
    advice = (
        "For faster pages put `opcache.file_cache=/var/cache` and `opcache.file_cache_only=1` into a file of conf.d "
        "and restart it: each account then keeps compiled scripts in files of its own. The next order uses that."
    )
    return Check(name, False, message, advice, essential=False)


def _open_pools(settings: LocalSettings) -> Check:
    users, name = Pools(settings).open_to_others(), "php pools"
    if not users:
        return Check(name, True, "what accounts keep in PHP's memory is open to none of them")
    message = f"any account can read what the PHP of {len(users)} keeps in memory ({_some(users)})"
    return Check(name, False, message, _ANEW)


def _php(settings: LocalSettings) -> Iterator[Check]:
    if not settings.php:
        yield Check("php", False, "no PHP-FPM found", "apt-get install php-fpm php-mysql php-gd php-intl php-zip …")
    for php in settings.php:
        try:
            missing = COMMON_EXTENSIONS - php_versions.extensions_of(php)
            commands.run([*php.command, "-t"])
            memory = _memory(php)
        except ShoplaunchError as error:
            yield Check(f"php {php.version}", False, error.message, "Install it, or correct its configuration.")
            continue
        yield Check(f"php {php.version}", Path(php.pools).is_dir(), f"pools in {php.pools}")
        yield from (_sockets(php), memory)
        if missing:
            names = ", ".join(sorted(missing))
            advice = "Install them: a shop that needs one is refused on this version."
            yield Check(f"php {php.version} extensions", False, f"missing: {names}", advice, essential=False)
    yield _open_pools(settings)


def _skeleton(settings: LocalSettings) -> Check:
    status = Skeleton(settings).status()
    if status.launcher_sha256 is None or status.agent_sha256 is None:
        advice = "Optional: `shoplaunch skeleton install` puts the agent into every new account."
        message = f"no agent in {settings.skeleton}"
        return Check("skeleton", False, message, advice, essential=False, optional=True)
    bundle = f", bundle of {status.bundle_bytes} bytes" if status.bundle_sha256 else ""
    return Check("skeleton", True, f"agent {status.agent_sha256[:12]}{bundle}", essential=False)
