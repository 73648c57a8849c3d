"""The PHP-FPM versions of a server, and the extensions of each."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from shared.errors import ShoplaunchError

_VERSION = re.compile(r"PHP (\d+\.\d+)\.")
TIMEOUT_SECONDS = 60
#: Not /run/php: Debian gives that to www-data, who could place their own sockets there. It also outlives a restart of
#: the machine, without which PHP-FPM would not start.
SOCKETS = "/var/lib/shoplaunch/sockets"


@dataclass(frozen=True)
class PhpFpm:
    """One PHP-FPM master: `command` is its binary with options, `pools` and `sockets` are folders."""

    version: str
    command: tuple[str, ...]
    pools: str
    sockets: str
    reload: tuple[str, ...]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PhpFpm:
        """Return the instance `values` describe. Raises config_invalid."""
        missing = {"version", "command", "pools", "sockets", "reload"} ^ set(values)
        if missing:
            raise ShoplaunchError("config_invalid", f"[[local.php]]: missing or unknown: {', '.join(sorted(missing))}")
        return cls(
            version=str(values["version"]),
            command=tuple(values["command"]),
            pools=str(values["pools"]),
            sockets=str(values["sockets"]),
            reload=tuple(values["reload"]),
        )

    def as_dict(self) -> dict[str, object]:
        """Return the values for `from_dict`, ready for TOML."""
        values = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def number(self) -> tuple[int, ...]:
        """Return the version as numbers, for comparing."""
        return version_number(self.version)


def version_number(version: str) -> tuple[int, ...]:
    """Return "8.1" or "8.1.2" as (8, 1): PHP's compatibility depends on the first two numbers."""
    return tuple(int(part) for part in version.split(".")[:2])


def installed_binaries() -> list[str]:
    """Return the php-fpm binaries of the machine, newest first."""
    found = [str(path) for path in Path("/usr/sbin").glob("php-fpm[0-9]*.[0-9]*")]
    return sorted(found, key=lambda path: version_number(path.rpartition("php-fpm")[2]), reverse=True)


def detect() -> tuple[PhpFpm, ...]:
    """Return the machine's own PHP-FPM services as Debian lays them out, newest first."""
    versions = []
    for binary in installed_binaries():
        version = binary.rpartition("php-fpm")[2]
        versions.append(
            PhpFpm(
                version=version,
                command=(binary,),
                pools=f"/etc/php/{version}/fpm/pool.d",
                sockets=SOCKETS,
                reload=_reload_command(version, binary),
            )
        )
    return tuple(versions)


def _reload_command(version: str, binary: str) -> tuple[str, ...]:
    if shutil.which("systemctl") and Path("/run/systemd/system").is_dir():
        return ("systemctl", "reload", f"php{version}-fpm")
    pid = f"/run/php/php{version}-fpm.pid"
    return ("start-stop-daemon", "--stop", "--quiet", "--signal", "USR2", "--pidfile", pid, "--exec", binary)


@lru_cache(maxsize=32)
def version_of(binary: str) -> str:
    """Return the version ("8.4") of a php-fpm binary. Raises panel_refused when it is none."""
    found = _VERSION.search(_output([binary, "-v"]))
    if found is None:
        raise ShoplaunchError("panel_refused", f"{binary} is no php-fpm")
    return found.group(1)


def extensions_of(php: PhpFpm) -> frozenset[str]:
    """Return the names of the extensions `php` has loaded, in lower case."""
    lines = (line.strip().lower() for line in _output([*php.command, "-m"]).splitlines())
    names = {line for line in lines if line and not line.startswith("[")}
    if "zend opcache" in names:
        names.add("opcache")
    return frozenset(names)


def settings_of(php: PhpFpm) -> str:
    """Return what `php` says of its settings: a line "NAME => own value => value of its files" for each."""
    return _output([*php.command, "-i"])


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, check=False, capture_output=True, cwd="/", timeout=TIMEOUT_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ShoplaunchError("panel_refused", f"{command[0]} cannot be run: {error}") from None
    # Extensions print what they hold, in any encoding or none
    output, errors = (part.decode("utf-8", "replace") for part in (done.stdout, done.stderr))
    if done.returncode != 0:
        said = (errors.strip() or output.strip())[-300:]
        raise ShoplaunchError("panel_refused", f"{command[0]} ended with {done.returncode}: {said}")
    return output
