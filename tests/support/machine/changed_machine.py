"""Python code that runs on this machine as if parts of it were otherwise, in namespaces of its own."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
#: No name resolves any more: neither this machine's own nor `localhost`, and no name server is known.
NAMELESS = (
    "mount --bind /dev/null /etc/hosts", "mount --bind /dev/null /etc/resolv.conf", "hostname no-such-host-here",
)  # fmt: skip


def run_where(words, code, folder):
    """Run `code` for `folder` where, before that, root's shell ran `words`; return what was said."""
    script = "; ".join([*words, 'exec "$@"'])
    command = ["unshare", "-m", "-u", "sh", "-ec", script, "sh", sys.executable, "-c", code, str(folder)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
