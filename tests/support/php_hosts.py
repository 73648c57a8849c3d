"""Private web servers that run one account's PHP in the ways hosts do: FPM, Apache's own PHP, suEXEC with CGI.

Each is an Apache of its own in a folder of its own; the packages' modules stay switched off in the machine's Apache.
"""

import contextlib
import grp
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from controller.network.http_client import HttpClient, HttpRequest, Limits, Origin
from controller.panels.local.private_stack.stack import free_port
from tests.support.waiting import wait_until
from tests.support.worlds.accounts import remove_account

WAIT_SECONDS = 60
HOST = "shop.example"
MODULES = Path("/usr/lib/apache2/modules")
SUEXEC = Path("/etc/apache2/suexec")
KINDS = ("fpm", "mod_php", "suexec")
_COMMON = """ServerRoot {folder}
ServerName localhost
DefaultRuntimeDir {folder}/run
PidFile {folder}/apache.pid
Mutex file:{folder}/run default
Listen 127.0.0.1:{port}
User {web}
Group www-data
ErrorLog {folder}/log/error.log
StartServers 2
MinSpareServers 2
MaxRequestWorkers 64
TypesConfig /etc/mime.types
AccessFileName .htaccess
<Directory />
    AllowOverride None
    Require all denied
</Directory>
{modules}
<VirtualHost 127.0.0.1:{port}>
    ServerName default.invalid
    {default}
</VirtualHost>
<VirtualHost 127.0.0.1:{port}>
    ServerName {host}
    DocumentRoot {root}
    <Directory {root}>
        AllowOverride All
        Require all granted
    </Directory>
{php}
{more}
</VirtualHost>
"""
_PHP = {
    "fpm": """<FilesMatch "\\.php$">
    <If "-f %{{REQUEST_FILENAME}}">
        SetHandler "proxy:unix:{folder}/fpm.sock|fcgi://localhost/"
    </If>
</FilesMatch>""",
    "mod_php": """<FilesMatch "\\.php$">
    SetHandler application/x-httpd-php
</FilesMatch>
{values}""",
    "suexec": """SuexecUserGroup {user} {user}
ScriptAlias /php-wrapper/ {home}/cgi-bin/
<Directory {home}/cgi-bin>
    Options ExecCGI
    Require all granted
</Directory>
<FilesMatch "\\.php$">
    SetHandler account-php
</FilesMatch>
Action account-php /php-wrapper/php""",
}
_LOADED = {
    "fpm": ("proxy", "proxy_fcgi"),
    "mod_php": (),
    "suexec": ("suexec", "cgi", "actions"),
}
_ALWAYS = ("mpm_prefork", "authz_core", "authz_host", "alias", "dir", "mime", "rewrite", "setenvif", "headers")
_POOL = """[global]
pid = {folder}/fpm.pid
error_log = {folder}/log/fpm.log
[account]
user = {user}
group = {group}
listen = {folder}/fpm.sock
listen.mode = 0666
pm = static
pm.max_children = 4
{values}
"""
#: As servers do that leave nothing of a request behind.
_ENDS_GROUP = """#!/usr/bin/python3
import os, signal, subprocess, sys
php = subprocess.Popen(["/usr/bin/php-cgi", *{words}, *sys.argv[1:]], start_new_session=True)
code = php.wait()
try:
    os.killpg(php.pid, signal.SIGKILL)
except ProcessLookupError:
    pass
sys.exit(code)
"""


class PhpHost:
    """One account and the site of `HOST` in it. `ini` are PHP's settings by name ({home}, {root} are its folders);
    `runs_as` another account's user (FPM only); `rules` go into the site's virtual host, and into that of all other
    names. With `account` (controller.account.Account) it is the site of one that is there; with `ends_group`
    (suEXEC only) all that PHP has started in its group is killed when a request ends."""

    def __init__(self, kind, ini=None, *, runs_as=None, rules=("", "Redirect 404 /"), account=None, ends_group=False):
        self.kind = kind
        self._ends_group = ends_group
        self.folder = Path(tempfile.mkdtemp(prefix="shoplaunch-php-"))
        self.folder.chmod(0o755)
        self.user = "slh" + secrets.token_hex(5)
        self.home = self.folder / "home" / self.user
        self.root, self.host = self.home / "public_html", HOST
        self._account = account
        if account is not None:
            self.user, self.home, self.host = account.user, Path(account.home), account.domain
            self.root = Path(account.document_root)
        self.ini = {name: value.format(home=self.home, root=self.root) for name, value in (ini or {}).items()}
        self.port = free_port("127.0.0.1")
        self._more, self._default = rules
        self._runs_as = runs_as
        self._web = "www-data"
        self._made = []

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in ("apache.pid", "fpm.pid"):
            self.end(name)
        for user in self._made:
            remove_account(user, lambda user=user: _end_processes(user))
        (SUEXEC / self._web).unlink(missing_ok=True) if self._web != "www-data" else None
        shutil.rmtree(self.folder)

    def end(self, name, number=signal.SIGTERM):
        """The server whose process id is in the file `name` is gone, ended by signal `number`."""
        path = self.folder / name
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pid = int(path.read_text())
            os.kill(pid, number)
            deadline = time.monotonic() + WAIT_SECONDS
            while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
                time.sleep(0.05)

    def new_user(self, user, home=None):
        """The account exists, and is removed at the end; return it."""
        self._made.append(user)
        home = home or self.folder / "nonexistent"
        command = ["useradd", "--no-create-home", "--home-dir", str(home), "--shell", "/bin/sh", user]
        subprocess.run(command, check=True, capture_output=True)
        return user

    def own(self, path):
        """The file or folder is the account's; return it."""
        entry = pwd.getpwnam(self.user)
        os.chown(path, entry.pw_uid, entry.pw_gid)
        return path

    def _start(self):
        if self._account is None:
            self.new_user(self.user, self.home)
            for path in (self.home.parent, self.home, self.root):
                path.mkdir(mode=0o755)
                self.own(path)
        for name in ("run", "log"):
            (self.folder / name).mkdir()
        if self.kind == "suexec":
            self._prepare_suexec()
        if self.kind == "fpm":
            self._start_fpm()
        config = self.folder / "apache.conf"
        modules = [f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in (*_ALWAYS, *_LOADED[self.kind])]
        if self.kind == "mod_php":
            modules.append(f"LoadModule php_module {next(iter(sorted(MODULES.glob('libphp*.so'))))}")
        values = "".join(f'php_admin_value {name} "{value}"\n' for name, value in self.ini.items())
        php = _PHP[self.kind].format(folder=self.folder, user=self.user, home=self.home, values=values)
        config.write_text(
            _COMMON.format(
                folder=self.folder, port=self.port, web=self._web, modules="\n".join(modules), host=self.host,
                root=self.root, php=php, more=self._more, default=self._default,
            )
        )  # fmt: skip
        self._run(["/usr/sbin/apache2", "-f", str(config), "-k", "start"])
        self._wait(self.folder / "apache.pid")

    def _start_fpm(self):
        values = "\n".join(f"php_admin_value[{name}] = {value}" for name, value in self.ini.items())
        config = self.folder / "fpm.conf"
        user = self._runs_as or self.user
        group = grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
        config.write_text(_POOL.format(folder=self.folder, user=user, group=group, values=values))
        binary = next(iter(sorted(Path("/usr/sbin").glob("php-fpm[0-9]*"))))
        self._run([str(binary), "--fpm-config", str(config), "--daemonize"])
        self._wait(self.folder / "fpm.sock")

    def _prepare_suexec(self):
        """Apache runs as a user of its own that may use suEXEC below our folder, and nowhere else."""
        self._web = self.new_user("slw" + secrets.token_hex(5))
        subprocess.run(["usermod", "--gid", "www-data", self._web], check=True, capture_output=True)
        place = self.home / "cgi-bin"
        (SUEXEC / self._web).write_text(f"{self.home.parent}\npublic_html/cgi-bin\n")
        place.mkdir(mode=0o755)
        self.own(place)
        words = [word for name, value in self.ini.items() for word in ("-d", f"{name}={value}")]
        wrapper = place / "php"
        plain = f'#!/bin/sh\nexec /usr/bin/php-cgi {" ".join(words)} "$@"\n'
        wrapper.write_text(_ENDS_GROUP.format(words=words) if self._ends_group else plain)
        wrapper.chmod(0o755)
        self.own(wrapper)

    @staticmethod
    def _run(command):
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"

    @staticmethod
    def _wait(path):
        wait_until(path.exists, f"{path} did not appear", seconds=WAIT_SECONDS)

    def log(self):
        """Return what the servers have to say."""
        return "".join(path.read_text(errors="replace") for path in sorted((self.folder / "log").iterdir()))

    def ask(self, path, method="POST", headers=None):
        """Return the answer (controller.network.http_client.HttpAnswer)."""
        request = HttpRequest(method, path, {"Host": self.host, **(headers or {})}, b"" if method == "POST" else None)
        return HttpClient(Origin("127.0.0.1", self.port)).ask(request, Limits(WAIT_SECONDS, 1_000_000))


def _end_processes(user):
    """Nothing of the account runs: each process is ended by its id."""
    found = subprocess.run(["pgrep", "-u", user], check=False, capture_output=True, text=True)
    for pid in map(int, found.stdout.split()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
