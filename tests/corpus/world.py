"""A whole Shoplaunch whose only bundle is one template's, and the PHP that serves what becomes of it."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from controller.panels.local import blocks
from controller.panels.local.php_versions import installed_binaries, version_number
from tests.support.php_wasm.stack import WasmStack, lacks_intl
from tests.support.servers.php_versions import wasm_at_hand
from tests.support.worlds.whole import BUNDLE, ENDED, SERVER, Whole

MARK = "world"


def wasm_for(php):
    """Return label -> series of the WebAssembly to offer for a bundle that needs `php` ({"min", "max"}).

    None where an installed one fits; where nothing at hand does, the nearest under the range's own end.
    """
    at_hand = list(wasm_at_hand())
    native = [path.rpartition("php-fpm")[2] for path in installed_binaries()]
    first, last = version_number(php["min"]), version_number(php["max"] or "99.0")
    if not at_hand or any(first <= version_number(one) <= last for one in native):
        return {}
    fitting = [series for series in at_hand if first <= version_number(series) <= last]
    if fitting:
        return {series: series for series in fitting}
    newer = [series for series in at_hand if version_number(series) > last]
    series, label = (newer[0], php["max"]) if newer else (at_hand[-1], php["min"])
    return {label: series}


class CorpusWorld(Whole):
    """A world for one shop; `php` is what its bundle needs."""

    def __init__(self, php, mark):
        super().__init__()
        self._mark = Path(mark)
        self._mark.write_text(str(self.directory))
        self.wasm = wasm_for(php)
        if self.wasm:
            world = self.world
            world.stack = WasmStack(
                self.directory / "stack",
                world._http_port,
                home_base=str(world.accounts),
                folders=wasm_at_hand(),
                wasm=self.wasm,
            )

    def start(self, bundle=None):
        """Everything runs; the bundle, the server and its skeleton are known."""
        self.operator = self.world.start()
        self.world.run("bundle", "add", BUNDLE, str(bundle))
        self.world.run("server", "add", SERVER, "--panel", "local")
        self.world.run("skeleton", "install", SERVER)
        return self

    def remove(self):
        """See Whole.remove; large trees go first, all at once: a panel takes them away file by file."""
        self.world.stop_controller()
        trees = [str(path) for path in self.world.accounts.glob("*/public_html/*")]
        trees += [str(path) for path in self.world.accounts.glob("*/.shoplaunch*")]
        subprocess.run(["rm", "-rf", "--", *trees], check=False)
        super().remove()
        self._mark.unlink(missing_ok=True)

    def ordered(self, shop_name, domain=None, more=()):
        """Order a shop in an account of its own; return (job or None, the refusal)."""
        account = self.new_name()
        words = ["order", "--create-account", "--account", account, "--domain", domain or f"{account}.localhost"]
        words += ["--email", f"{account}@example.com", "--server", SERVER, "--bundle", BUNDLE]
        words += ["--shop-name", shop_name, "--first-name", "Dana", "--last-name", "O'Neil", *more, "--json"]
        done = self.world.run(*words, check=False)
        return self._answer(done)

    @staticmethod
    def _answer(done):
        import json

        try:
            document = json.loads(done.stdout)
        except ValueError:
            document = {"error": {"code": f"exit {done.returncode}", "message": done.stderr[-1000:]}}
        return (None, document["error"]) if done.returncode else (document, None)

    def php_of(self, job):
        """Return the PHP that serves the account, such as "8.4" or "5.6 (7.0 as WebAssembly without intl)"."""
        for php in self.world.stack.php_versions():
            file = Path(php.pools) / blocks.FILE_NAME
            if file.exists() and f"[shoplaunch-{job['account']}]" in file.read_text("utf-8"):
                if not php.command[0].startswith(str(self.directory)):
                    return php.version
                series = self.wasm[php.version]
                other = "" if series == php.version else f"{series} "
                return f"{php.version} ({other}as WebAssembly{' without intl' if lacks_intl(series) else ''})"
        return ""

    def kill_in_the_import(self, job, seconds):
        """SIGKILL the agent once it has imported something; return what was done, "" when it was over before."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.show(job)["state"] in ENDED:
                return ""
            chunks = self.chunks(job)
            if chunks:
                found = self._agents(job)
                for pid in found.values():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                if found:
                    return f"{', '.join(sorted(found))} after {len(chunks)} chunks"
            time.sleep(0.02)
        return ""

    def _agents(self, job):
        try:
            return self.agents(job["account"])
        except (KeyError, PermissionError):
            return {}

    def errors_of_php(self, job):
        """Return what PHP has written into the account's log."""
        log = self.home(job) / ".php" / "error.log"
        return log.read_text("utf-8", "replace") if log.exists() else ""


@contextlib.contextmanager
def world_for(php, bundle, folder):
    """Yield a world that runs and knows `bundle`; nothing of it is left, nor of one a killed run left in `folder`."""
    mark = Path(folder) / MARK
    clear(mark)
    world = CorpusWorld(php, mark)
    try:
        yield world.start(bundle)
    finally:
        world.remove()


def clear(mark):
    """What a run that was killed has left is gone: its services, accounts and files."""
    if not mark.exists():
        return
    left = Path(mark.read_text())
    if re.fullmatch(r"slw\w+", left.name) and left.exists():
        for user in _users_below(left / "accounts"):
            subprocess.run(["crontab", "-u", user, "-r"], check=False, capture_output=True)
        _end_processes_below(left)
        for user in _users_below(left / "accounts"):
            subprocess.run(["userdel", "--force", user], check=False, capture_output=True)
        shutil.rmtree(left, ignore_errors=True)
    mark.unlink()


def _users_below(folder):
    import pwd

    return [entry.pw_name for entry in pwd.getpwall() if Path(entry.pw_dir).parent == folder]


def _end_processes_below(folder):
    """End, by its number, each process whose command line or working folder names `folder`."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            words = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            environment = (entry / "environ").read_bytes().decode("utf-8", "replace")
            if int(entry.name) != os.getpid() and (f"{folder}/" in words or f"={folder}/" in environment):
                os.kill(int(entry.name), signal.SIGKILL)
