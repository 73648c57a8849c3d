"""One PHP-FPM pool per account: PHP runs as the account, accepts only the account, with settings that shops need."""

from __future__ import annotations

import socket
import stat
from collections.abc import Sequence
from pathlib import Path

from controller.panels.local import blocks, config_files, php_versions
from controller.panels.local.accounts import SystemAccount
from controller.panels.local.php_versions import PhpFpm, version_number
from controller.panels.local.services import php_memory
from controller.panels.local.settings import LocalSettings
from shared.errors import ShoplaunchError

_POOL = """[shoplaunch-{user}]
user = {user}
group = {group}
listen = {socket}
listen.owner = {user}
listen.group = {group}
listen.mode = 0600
pm = ondemand
pm.max_children = 8
pm.process_idle_timeout = 60s
pm.max_requests = 500
catch_workers_output = no
security.limit_extensions = .php
env[HOME] = {home}
env[TMPDIR] = {home}/.php/tmp
php_admin_flag[display_errors] = off
php_admin_flag[log_errors] = on
php_admin_flag[expose_php] = off
php_admin_value[error_log] = {home}/.php/error.log
php_admin_value[open_basedir] = {home}/:/usr/share/:/etc/ssl/:/dev/urandom
php_admin_value[session.save_path] = {home}/.php/sessions
php_admin_value[session.gc_probability] = 1
php_admin_value[session.gc_divisor] = 1000
php_admin_value[sys_temp_dir] = {home}/.php/tmp
php_admin_value[upload_tmp_dir] = {home}/.php/tmp
php_value[mysqli.default_socket] = {database_socket}
php_value[pdo_mysql.default_socket] = {database_socket}
php_value[memory_limit] = {memory_limit}
php_value[upload_max_filesize] = {upload_limit}
php_value[post_max_size] = {upload_limit}
php_value[max_execution_time] = 300
php_value[max_input_vars] = 20000
{memory}"""


class Pools:
    """The accounts' pools in all PHP versions of the server; an account has one."""

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings

    def choose(self, minimum: str, maximum: str | None, extensions: Sequence[str]) -> PhpFpm:
        """Return the newest PHP from `minimum` to `maximum` (as far as given) that has all `extensions`.

        Raises panel_refused and says what each version lacks.
        """
        reasons = []
        for php in self._settings.php:
            if php.number() < version_number(minimum):
                reasons.append(f"{php.version} is older than {minimum}")
            elif maximum is not None and php.number() > version_number(maximum):
                reasons.append(f"{php.version} is newer than {maximum}")
            else:
                # To ask PHP takes longer than most of an account's steps
                held = php_versions.extensions_of(php) if extensions else frozenset()
                missing = {name.lower() for name in extensions} - held
                if not missing:
                    return php
                reasons.append(f"{php.version} lacks {', '.join(sorted(missing))}")
        raise ShoplaunchError("panel_refused", f"no PHP fits: {'; '.join(reasons) or 'none is installed'}")

    def current(self, user: str) -> PhpFpm | None:
        """Return the PHP version of the account's pool, None when it has none."""
        return next((php for php in self._settings.php if user in self._service(php).parts()), None)

    def ensure(self, account: SystemAccount, php: PhpFpm) -> str:
        """Ensure that the account's pool runs under `php` and no other; return its socket."""
        socket_path = self.socket(php, account.user)
        with config_files.exclusive(self._settings.state_folder, "php"):
            _ensure_sockets(Path(php.sockets))
            self._close()
            content = self._content(account, php, socket_path).encode("utf-8")
            config_files.ensure(self._service(php, write=True), account.user, content, lambda: _accepts(socket_path))
        return socket_path

    def open_to_others(self) -> list[str]:
        """Return the accounts whose pools may keep what is theirs where any account can read it."""
        open_ones = [
            user
            for php in self._settings.php
            for user, part in self._service(php).parts().items()
            if php_memory.closed(php, part) != part
        ]
        return sorted(open_ones)

    def _close(self) -> None:
        """Write the pools of all accounts anew that earlier versions, or other settings of PHP, have left open."""
        for php in self._settings.php:
            found = self._service(php).parts()
            closed = {user: php_memory.closed(php, part) for user, part in found.items()}
            if closed != found:
                config_files.replace(self._service(php, write=True), closed, lambda: True)

    def remove(self, user: str, keep: PhpFpm | None = None) -> None:
        """Remove the account's pools, except that under `keep`."""
        with config_files.exclusive(self._settings.state_folder, "php"):
            for php in self._settings.php:
                if keep is None or php.version != keep.version:
                    self._remove(php, user)

    def _remove(self, php: PhpFpm, user: str) -> None:
        path = self.socket(php, user)
        # A socket that disappears while PHP still passes it on would be missing for the account's next pool.
        config_files.remove(self._service(php, write=True), user, lambda: not _accepts(path))
        Path(path).unlink(missing_ok=True)

    def socket(self, php: PhpFpm, user: str) -> str:
        """Return the path of the account's socket under `php`."""
        return f"{php.sockets}/shoplaunch-{user}-{php.version}.sock"

    def _service(self, php: PhpFpm, *, write: bool = False) -> config_files.Service:
        folder = Path(self._settings.state_folder)
        main, pool = folder / "php-candidate-main.conf", folder / "php-candidate.conf"
        if write:
            main.write_text(f"[global]\nerror_log = {folder}/php-candidate.log\ninclude = {pool}\n")
        return config_files.Service(
            name=f"PHP {php.version}",
            path=Path(php.pools) / blocks.FILE_NAME,
            comment=";",
            test=[*php.command, "-t"],
            reload=php.reload,
            aside=pool,
            test_aside=[php.command[0], "--fpm-config", str(main), "-t"],
        )

    def _content(self, account: SystemAccount, php: PhpFpm, socket_path: str) -> str:
        settings = self._settings
        return _POOL.format(
            user=account.user,
            group=account.group.removeprefix("#"),
            socket=socket_path,
            home=account.home,
            database_socket=settings.mariadb_socket,
            memory_limit=settings.php_memory_limit,
            upload_limit=settings.php_upload_limit,
            memory=php_memory.lines(php, account.home),
        )


def sockets_are_safe(folder: Path) -> bool:
    """Return whether only root can replace a socket there."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == 0 and not status.st_mode & 0o022


def _ensure_sockets(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder.chmod(0o755)
    if not sockets_are_safe(folder):
        raise ShoplaunchError("panel_refused", f"others than root can change the sockets in {folder}")


def _accepts(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        return probe.connect_ex(path) == 0
