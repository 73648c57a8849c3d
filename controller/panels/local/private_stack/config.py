"""Configuration files and data directories of the private services."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from controller.files import write_durably
from controller.panels.local.uids import LAST_UID
from shared.errors import ShoplaunchError

APACHE_MODULES = Path("/usr/lib/apache2/modules")
#: Needed by shops' .htaccess files and by the virtual hosts; modules that Debian links in statically are not listed.
APACHE_MODULE_NAMES = [
    *["mpm_prefork", "authn_core", "authn_file", "authz_core", "authz_host", "authz_user", "auth_basic"],
    *["access_compat", "alias", "autoindex", "deflate", "dir", "env", "expires", "filter", "headers", "mime"],
    *["negotiation", "proxy", "proxy_fcgi", "reqtimeout", "rewrite", "setenvif"],
]
ISOLATION_MODULE = APACHE_MODULES / "mpm_itk.so"
WEB_USER = "www-data"

_PHP_CONFIG = """; Written by Shoplaunch for a private PHP-FPM; rewritten at every start.
; Its options let opcache keep scripts in files of each account's.
[global]
pid = {folder}/php-fpm.pid
error_log = {folder}/php-fpm.log
process_control_timeout = 10s
include = {folder}/pools/*.conf
"""
# PHP-FPM refuses to start without any pool; this one serves nobody and runs no process.
_IDLE_POOL = """[idle]
user = {user}
group = {user}
listen = {socket}
listen.mode = 0600
pm = ondemand
pm.max_children = 1
"""
_APACHE_CONFIG = """# Written by Shoplaunch for a private Apache; rewritten at every start.
ServerRoot {folder}
ServerName localhost
DefaultRuntimeDir {folder}/run
PidFile {folder}/apache2.pid
Mutex file:{folder}/run default
Listen {ip}:{port}
User {user}
Group {user}
ErrorLog {folder}/log/error.log
LogLevel warn
LogFormat "%h %t \\"%r\\" %>s %O" common
{modules}
# Whom a process may become: the user of this server, or an account.
LimitUIDRange {first_uid} {last_uid}
LimitGIDRange {first_gid} {last_uid}
ServerTokens Prod
ServerSignature Off
TraceEnable Off
Timeout 300
KeepAlive On
TypesConfig /etc/mime.types
DirectoryIndex index.php index.html
AccessFileName .htaccess
StartServers 2
MinSpareServers 2
MaxSpareServers 6
MaxRequestWorkers 150
<Directory />
    AllowOverride None
    Require all denied
</Directory>
<FilesMatch "^\\.ht">
    Require all denied
</FilesMatch>
# Hosts nobody has asked for get no shop.
<VirtualHost *:{port}>
    ServerName shoplaunch.invalid
    Redirect 404 /
</VirtualHost>
IncludeOptional {folder}/sites/*.conf
"""


def apache_binary() -> str:
    """Return the path of apache2. Raises panel_refused when it is not installed."""
    return _binary("apache2")


def mariadb_binary() -> str:
    """Return the path of mariadbd. Raises panel_refused when it is not installed."""
    return _binary("mariadbd")


def _binary(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise ShoplaunchError("panel_refused", f"{name} is not installed")
    return str(Path(found).resolve())


def install_mariadb(folder: Path) -> None:
    """Create the data directory; root logs in through the socket without a password, nobody else can."""
    user = pwd.getpwnam("mysql")
    temporary = folder / "tmp"
    for path, mode in ((folder, 0o755), (temporary, 0o700)):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
        os.chown(path, user.pw_uid, user.pw_gid)
    data = folder / "data"
    if data.exists():
        return
    # Created aside and renamed, so that an interrupted installation is never taken for a finished one.
    fresh = folder / "data.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.mkdir(mode=0o700)
    os.chown(fresh, user.pw_uid, user.pw_gid)
    command = ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={fresh}", "--skip-test-db"]
    # Without it nothing is installed where neither this machine's name nor `localhost` resolves
    command.append("--force")
    command += ["--auth-root-authentication-method=socket", "--auth-root-socket-user=root", f"--tmpdir={temporary}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
    if done.returncode != 0:
        said = " ".join(f"{done.stdout} {done.stderr}".split())[-800:]
        raise ShoplaunchError("panel_refused", f"mariadb-install-db ended with {done.returncode}: {said}")
    fresh.rename(data)


def mariadb_options(folder: Path, socket: Path) -> list[str]:
    """Return the command line of the private mariadbd."""
    return [
        "--no-defaults",
        "--user=mysql",
        f"--datadir={folder}/data",
        f"--socket={socket}",
        f"--pid-file={folder}/data/mysqld.pid",
        f"--log-error={folder}/error.log",
        # A starting server deletes every temporary table in its folder: in /tmp those of other servers, too.
        f"--tmpdir={folder / 'tmp'}",
        "--skip-networking",
        "--character-set-server=utf8mb4",
        "--max-allowed-packet=64M",
    ]


def php_memory(folder: Path) -> list[str]:
    """Return the options by which opcache keeps compiled scripts in files, and none in memory of all pools."""
    # Each account's pool names a folder of its own
    return ["-d", f"opcache.file_cache={folder}", "-d", "opcache.file_cache_only=1"]


def php_config(folder: Path) -> bytes | None:
    """Return the configuration of a private PHP-FPM, None before it is written."""
    path = folder / "php-fpm.conf"
    return path.read_bytes() if path.exists() else None


def write_php(folder: Path) -> Path:
    """Write the configuration of one PHP-FPM; return the socket of its idle pool."""
    for name in ("pools", "sockets"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name).chmod(0o755)
    idle = folder / "sockets" / "idle.sock"
    write_durably(folder / "php-fpm.conf", _PHP_CONFIG.format(folder=folder).encode(), 0o644)
    write_durably(folder / "pools" / "000-idle.conf", _IDLE_POOL.format(socket=idle, user=WEB_USER).encode(), 0o644)
    return idle


def write_apache(folder: Path, ip: str, port: int) -> bool:
    """Write the private Apache's configuration for `ip`:`port`; return whether it changed."""
    for name in ("sites", "run", "log"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "log").chmod(0o750)
    modules = []
    for name in APACHE_MODULE_NAMES:
        path = APACHE_MODULES / f"mod_{name}.so"
        if not path.exists():
            raise ShoplaunchError("panel_refused", f"Apache's module {name} is not installed")
        modules.append(f"LoadModule {name}_module {path}")
    if not ISOLATION_MODULE.exists():
        raise ShoplaunchError("panel_refused", "libapache2-mpm-itk is not installed: accounts would not be isolated")
    modules.append(f"LoadModule mpm_itk_module {ISOLATION_MODULE}")
    user = pwd.getpwnam(WEB_USER)
    content = _APACHE_CONFIG.format(
        folder=folder,
        ip=ip,
        port=port,
        modules="\n".join(modules),
        user=WEB_USER,
        first_uid=user.pw_uid,
        first_gid=user.pw_gid,
        last_uid=LAST_UID,
    ).encode()
    path = folder / "apache2.conf"
    if path.exists() and path.read_bytes() == content:
        return False
    write_durably(path, content, 0o644)
    return True
