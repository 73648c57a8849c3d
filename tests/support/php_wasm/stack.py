"""A private stack that also offers the versions of PHP that are at hand as WebAssembly."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

from controller.panels.local.php_versions import PhpFpm, installed_binaries, version_number
from controller.panels.local.private_stack import config, processes
from controller.panels.local.private_stack.stack import Stack
from tests.support.php_wasm import fpm

END_SECONDS = 30


#: What no build before 7.2 has, and libraries that were made for it bring themselves for where it is missing.
SUBSTITUTED = "intl"


def lacks_intl(series):
    """Return whether no build of that series has intl."""
    return version_number(series) < (7, 2)


class WasmStack(Stack):
    """A Stack; `wasm` maps each series it offers to the one that serves it, `folders` that to where it is installed."""

    def __init__(self, directory, http_port=0, *, folders, wasm, **options):
        super().__init__(directory, http_port, **options)
        self._folders, self._wasm = dict(folders), dict(wasm)

    def php_versions(self):
        """See Stack.php_versions; a series that is installed is not taken from WebAssembly."""
        native = super().php_versions() if self._php or installed_binaries() else []
        known = {php.version for php in native}
        return [*native, *(self._made(series) for series in sorted(self._wasm) if series not in known)]

    def _made(self, series):
        folder = self.directory / f"php{series}"
        reload = (sys.executable, "-c", _SIGNAL, str(folder / "php-fpm.pid"))
        return PhpFpm(
            version=series,
            command=(str(self._wrapper(series)), "--fpm-config", str(folder / "php-fpm.conf")),
            pools=str(folder / "pools"),
            sockets=str(folder / "sockets"),
            reload=reload,
        )

    def _wrapper(self, series):
        """Return the executable that answers as a php-fpm of `series`; what does not change it says at once."""
        path = self.directory / f"php-fpm{series}"
        if not path.exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            serving = self._wasm[series]
            folder = self._folders[serving]
            said = fpm.ask(folder, serving, "modules")
            modules = path.with_name(f"{path.name}.modules")
            modules.write_text(said + (SUBSTITUTED + "\n" if lacks_intl(serving) else ""))
            words = f"{sys.executable} -I {fpm.__file__} {folder} {serving}"
            path.write_text(f'#!/bin/sh\n[ "$3" != -m ] || exec cat {modules}\nexec {words} "$@"\n')
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def _start_php(self, php):
        if not php.command[0].startswith(str(self.directory)):
            super()._start_php(php)
            return
        folder = Path(php.pools).parent
        idle = config.write_php(folder)
        log = folder / "php-fpm.log"
        if not processes.accepts(idle):
            with open(log, "ab") as stream:
                subprocess.Popen(
                    php.command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
                )
        processes.wait(f"php{php.version}", lambda: processes.accepts(idle), log)

    def stop(self):
        """See Stack.stop."""
        for php in self.php_versions() if self.directory.exists() else []:
            pid = self._php_pid(php)
            if php.command[0].startswith(str(self.directory)) and pid.exists():
                _end(int(pid.read_text()))
                pid.unlink(missing_ok=True)
        super().stop()


_SIGNAL = "import os, signal, sys; os.kill(int(open(sys.argv[1]).read()), signal.SIGUSR2)"


def _end(pid):
    """The master and its workers do not run."""
    try:
        if b"fpm.py" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + END_SECONDS
        while _runs(pid):
            if time.monotonic() > deadline:
                os.killpg(pid, signal.SIGKILL)
            time.sleep(0.05)
    except (FileNotFoundError, ProcessLookupError):
        return


def _runs(pid):
    """Return whether the process runs; our own child stays in the process table until we ask for it."""
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass
    return Path(f"/proc/{pid}").exists()
