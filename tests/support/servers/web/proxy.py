"""nginx or Caddy in front of a controller, with the shipped configuration; host, ports and waits are the tests'."""

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from controller.panels.local.private_stack.stack import free_port

PACKAGING = Path(__file__).resolve().parents[4] / "packaging"
WAIT_SECONDS = 30
#: Instead of the ten seconds and more of the files: a test waits for their end.
PATIENCE_SECONDS = 2
_NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/shoplaunch.conf;
}}
"""


class Proxy:
    """A proxy of `kind` in front of `behind`, a port or a socket's path; `url` is its address, `plain` are those
    without TLS. `static` is the folder of files it sends itself, `certificate` a file with key and certificate of
    localhost."""

    def __init__(self, kind, folder, behind, static, certificate):
        self.kind, self.port = kind, free_port()
        self.url = f"https://localhost:{self.port}"
        made = {"nginx": _nginx, "caddy": _caddy}[kind]
        command = made(Path(folder), self.port, behind, static, certificate)
        # Of Caddy's own one the port is the machine's: there is none here
        text = "".join(path.read_text() for path in Path(folder).glob("shoplaunch.conf"))
        self.plain = [f"http://localhost:{number}" for number in re.findall(r"listen 127\.0\.0\.1:(\d+);", text)]
        self._log = (Path(folder) / "log").open("wb")
        environment = {"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin"}
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log, cwd=folder, env=environment)
        self._wait(Path(folder) / "log")

    def _wait(self, log):
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise AssertionError(log.read_text()) from None
                time.sleep(0.05)

    def stop(self):
        """End the proxy."""
        self._process.terminate()
        self._process.wait(WAIT_SECONDS)
        self._log.close()


def program(kind):
    """Return the path of the proxy's program, None where it is not installed."""
    return shutil.which(kind, path=f"{os.environ['PATH']}:/usr/sbin:/usr/bin")


def replaced(text, *pairs):
    """Return `text` with each pattern replaced; every one has to be there."""
    for pattern, new in pairs:
        text, times = re.subn(pattern, new, text, flags=re.M)
        assert times, pattern
    return text


def _in_front_of(behind, shipped):
    """Return the configuration `shipped` with its controller at `behind`: by a socket as its comment says."""
    if isinstance(behind, int):
        return replaced(shipped, (r"^(\s*\w+) 127\.0\.0\.1:8000\b", rf"\1 127.0.0.1:{behind}"))
    commented = r"^\s*# With `bind = \"unix:[^`]*`: (\w+ unix\S*?);?\n\s*\w+ 127\.0\.0\.1:8000\b"
    return replaced(shipped, (commented, r"\1"), (r"/run/shoplaunch-web/socket", str(behind)))


def _nginx(folder, port, behind, static, certificate):
    shipped = _in_front_of(behind, (PACKAGING / "nginx" / "shoplaunch.conf").read_text("utf-8"))
    adapted = replaced(
        shipped,
        (r"listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        (r"listen 80;", f"listen 127.0.0.1:{free_port()};"),
        (r"^ *listen \[::\].*$", ""),
        (r"control\.example\.com", "localhost"),
        (r"/etc/ssl/shoplaunch/\w+\.pem", str(certificate)),
        (r"/var/log/nginx/shoplaunch\.log", f"{folder}/site.log"),
        (r"/opt/shoplaunch/current/static", str(static)),
        (r"(client_header_timeout|client_body_timeout) 10s", rf"\1 {PATIENCE_SECONDS}s"),
    )
    (folder / "shoplaunch.conf").write_text(adapted)
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder))
    folder.chmod(0o755)
    return [program("nginx"), "-e", f"{folder}/start.log", "-c", f"{folder}/nginx.conf"]


def _caddy(folder, port, behind, static, certificate):
    shipped = _in_front_of(behind, (PACKAGING / "caddy" / "Caddyfile").read_text("utf-8"))
    adapted = replaced(
        shipped,
        (r"\A((?:#.*\n)*)\{\n", r"\1{\n\tadmin off\n\tauto_https disable_redirects\n"),
        (r"^control\.example\.com \{", f"localhost:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate} {certificate}"),
        (r"/opt/shoplaunch/current/static", str(static)),
        (r"read_header 10s", f"read_header {PATIENCE_SECONDS}s"),
        (r"read_body 30s", f"read_body {PATIENCE_SECONDS}s"),
    )
    (folder / "Caddyfile").write_text(adapted)
    return [program("caddy"), "run", "--adapter", "caddyfile", "--config", f"{folder}/Caddyfile"]
