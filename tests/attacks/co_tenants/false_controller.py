"""An account that takes the controller's place: answers every request with 410 and keeps what it hears.

Called as a program as that account: its argument is a path to listen at, or a port of 127.0.0.1. It writes a line when
it is ready, and each request as JSON.
"""

import json
import os
import pwd
import subprocess
import threading

#: A neighbour with a name, that of a user every system has.
MALLORY = pwd.getpwnam("nobody").pw_uid
_READY = "ready\n"
_SOURCE = """
import json, os, socket, sys
os.umask(0)
where = json.loads(sys.argv[1])
server = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(where if isinstance(where, str) else ("127.0.0.1", where))
server.listen(50)
print("ready", flush=True)
while True:
    connection, _ = server.accept()
    with connection:
        heard = connection.recv(65536)
        if heard.lower().find(b"\\r\\ncontent-length: ") > 0 and heard.endswith(b"\\r\\n\\r\\n"):
            heard += connection.recv(65536)
        if heard:
            print(json.dumps(heard.decode("latin-1")), flush=True)
            connection.sendall(b"HTTP/1.1 410 Gone\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\n{}")
"""


class FalseController:
    """A process of the user `uid` that listens at `where` (path or port)."""

    def __init__(self, where, uid=MALLORY):
        self._heard = []
        self._process = subprocess.Popen(
            ["/usr/bin/python3", "-I", "-S", "-c", _SOURCE, json.dumps(where)],
            stdout=subprocess.PIPE, text=True, user=uid, group=uid, extra_groups=[], cwd="/",
        )  # fmt: skip
        assert self._process.stdout.readline() == _READY
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self._heard.append(json.loads(line))

    def heard(self):
        """End it; return all requests it was sent."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        return self._heard

    def __enter__(self):
        return self

    def __exit__(self, *_failure):
        self.heard()


def squat(path, uid=MALLORY):
    """Return a FalseController at `path`, in whose folder only root may write again once it listens."""
    folder = os.path.dirname(path)
    mode = os.stat(folder).st_mode
    os.chmod(folder, 0o777)
    try:
        return FalseController(path, uid)
    finally:
        os.chmod(folder, mode & 0o7777)
