"""A php-fpm whose PHP is compiled to WebAssembly: FPM.PY FOLDER VERSION [-v | -m | -t | --fpm-config FILE].

FOLDER is where `npm install @php-wasm/node@3.0.42 @php-wasm/universal@3.0.42 node@24` was run. Every pool is served by
workers of its own account (worker.mjs), which are started when somebody comes and end when nobody does.
"""

import configparser
import contextlib
import glob
import json
import os
import pwd
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

WORKER = Path(__file__).with_name("worker.mjs")
#: A page may ask its own server for another one.
WORKERS = 2
BACKLOG = 128
TICK_SECONDS = 0.2
#: What only a real PHP understands, or what keeps the files of the runtime itself from being read.
LEFT_OUT = ("open_basedir", "disable_functions", "max_execution_time")


def node(folder):
    """Return the command that starts node: that of the folder where there is one."""
    own = Path(folder) / "node_modules" / ".bin" / "node"
    return [str(own) if own.exists() else "node", "--experimental-wasm-jspi", "--no-warnings", str(WORKER)]


def read_pools(config):
    """Return name -> settings of the pools that `config` (a php-fpm.conf) includes; without those that serve nobody."""
    pools = {}
    for pattern in _section(config, "global")["include"]:
        for path in sorted(glob.glob(pattern)):
            parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=(";", "#"))
            parser.optionxform = str
            parser.read(path, "utf-8")
            pools |= {name: dict(parser[name]) for name in parser.sections() if name != "global"}
    return pools


def _section(path, name):
    found = {"include": [], "pid": None}
    current = ""
    for line in Path(path).read_text("utf-8").splitlines():
        text = line.strip()
        if text.startswith("["):
            current = text.strip("[]")
        elif current == name and "=" in text and not text.startswith(";"):
            key, value = (part.strip() for part in text.split("=", 1))
            found[key] = [*found["include"], value] if key == "include" else value
    return found


def ini_of(pool):
    """Return PHP's own settings of a pool, name -> text."""
    found = {}
    for key, value in pool.items():
        kind, _, name = key.partition("[")
        name = name.rstrip("]")
        if kind in ("php_value", "php_admin_value", "php_flag", "php_admin_flag") and name not in LEFT_OUT:
            found[name] = {"on": "1", "off": "0"}.get(value.lower(), value) if kind.endswith("flag") else value
    return found


class Pool:
    """One listening socket and the workers of its account."""

    def __init__(self, folder, version, settings):
        self._folder, self._version = folder, version
        self.settings = settings
        self._workers = []
        path = settings["listen"]
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(path)
        owner = pwd.getpwnam(settings.get("listen.owner", settings["user"]))
        os.chown(path, owner.pw_uid, owner.pw_gid)
        os.chmod(path, int(settings.get("listen.mode", "0660"), 8))
        self.door.listen(BACKLOG)

    def wake(self):
        """Workers run."""
        self._workers = [one for one in self._workers if one.poll() is None]
        if not self._workers:
            self._workers = [self._worker() for _ in range(WORKERS)]

    def is_awake(self):
        """Return whether workers run."""
        return any(one.poll() is None for one in self._workers)

    def _worker(self):
        entry = pwd.getpwnam(self.settings["user"])
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            **{key[4:-1]: value for key, value in self.settings.items() if key.startswith("env[")},
            "PHP_INI": json.dumps(ini_of(self.settings)),
        }
        log = os.path.join(entry.pw_dir, ".php", "wasm.log")
        with open(log if os.path.isdir(os.path.dirname(log)) else os.devnull, "ab") as stream:
            os.chown(stream.fileno(), entry.pw_uid, entry.pw_gid) if stream.name == log else None
            return subprocess.Popen(
                [*node(self._folder), self._folder, self._version, "serve"],
                stdin=self.door, stdout=stream, stderr=stream, env=environment, cwd="/",
                user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], umask=0o022,
            )  # fmt: skip

    def close(self):
        """Nobody listens, no worker runs."""
        self.door.close()
        for one in self._workers:
            one.terminate()
        for one in self._workers:
            try:
                one.wait(10)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.settings["listen"])


class Master:
    """Serves the pools of a configuration; SIGUSR2 makes it read them again, SIGTERM ends it."""

    def __init__(self, folder, version, config):
        self._folder, self._version, self._config = folder, version, config
        self._pools = {}
        self._read_again, self._over = True, False
        signal.signal(signal.SIGUSR2, lambda *_: setattr(self, "_read_again", True))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, lambda *_: setattr(self, "_over", True))

    def run(self):
        """Serve until the end."""
        pid = _section(self._config, "global")["pid"]
        if pid:
            Path(pid).write_text(str(os.getpid()))
        while not self._over:
            if self._read_again:
                self._read_again = False
                self._take(read_pools(self._config))
            asleep = {pool.door: pool for pool in self._pools.values() if not pool.is_awake()}
            if asleep:
                for door in select.select(list(asleep), [], [], TICK_SECONDS)[0]:
                    asleep[door].wake()
            else:
                time.sleep(TICK_SECONDS)
        for pool in self._pools.values():
            pool.close()
        if pid:
            Path(pid).unlink(missing_ok=True)

    def _take(self, wanted):
        for name in [name for name, pool in self._pools.items() if wanted.get(name) != pool.settings]:
            self._pools.pop(name).close()
        for name in wanted.keys() - self._pools.keys():
            try:
                self._pools[name] = Pool(self._folder, self._version, wanted[name])
            except (OSError, KeyError) as problem:
                print(f"pool {name}: {problem!r}", file=sys.stderr, flush=True)


def ask(folder, version, what):
    """Return what PHP itself answers to `what` ("version", "modules")."""
    words = [*node(folder), str(folder), version, what]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=120).stdout


def main(words):
    """Do what a php-fpm with these words would do; return the exit code."""
    folder, version, *options = words
    if "-v" in options:
        print(ask(folder, version, "version"))
    elif "-i" in options:
        # Its PHP keeps nothing in memory of several pools
        pass
    elif "-m" in options:
        print(ask(folder, version, "modules"))
    else:
        config = options[options.index("--fpm-config") + 1]
        if "-t" in options:
            read_pools(config)
        else:
            Master(folder, version, config).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
