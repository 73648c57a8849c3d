"""File operations in a home, carried out by a process of the account itself."""

import base64
import json
import posixpath
import pwd
import subprocess
import sys
from pathlib import Path

from tests.fakes.whm.texts import Refusal

SOURCE = Path(__file__).with_name("hands_child.py").read_text()


class FileError(Exception):
    """The system said no; `text` is its word for it."""

    def __init__(self, text):
        super().__init__(text)
        self.text = text


def run(account, operation, path, **more):
    """Carry out `operation` on `path` (absolute) as `account`; return its value. Raises FileError."""
    entry = pwd.getpwnam(account.user)
    if isinstance(more.get("content"), bytes):
        more["content"] = base64.b64encode(more["content"]).decode("ascii")
    request = {**more, "operation": operation, "path": path, "uid": entry.pw_uid, "gid": entry.pw_gid}
    request["full"] = account.quota_full
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", SOURCE],
        input=json.dumps(request).encode("utf-8", "surrogateescape"),
        capture_output=True,
        check=True,
        cwd="/",
        timeout=300,
    )
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise FileError(answer["error"])
    return answer["value"]


def read(account, path):
    """Return a file's bytes."""
    return base64.b64decode(run(account, "read", path))


def resolve(account, folder="", name=""):
    """Return the absolute path of `name` in `folder` (absolute, or relative to the home). Raises Refusal outside."""
    path = posixpath.normpath(posixpath.join(account.home, folder, name))
    if path != account.home and not path.startswith(account.home + "/"):
        raise Refusal("path_outside", name=posixpath.join(folder, name))
    return path
