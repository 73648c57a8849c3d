"""Files that backups are, of this version and of earlier ones, and commands whose memory is measured on them."""

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

#: What a backup or restore may hold in memory, the program itself included.
MOST_BYTES = 150 * 1024 * 1024
EARLIER = Path(__file__).parents[2] / "system" / "upgrade" / "9e78168" / "backup.tgz"
#: Runs a command and says how much memory it had at its peak.
MEASURED = """
import re, sys
from controller.cli import main
try:
    main(sys.argv[1:], prog_name="shoplaunch")
except SystemExit as end:
    code = end.code
text = open("/proc/self/status").read()
print("peak", int(re.search(r"VmHWM:\\s*(\\d+)", text)[1]) * 1024, file=sys.stderr)
sys.exit(code)
"""


def counts(tables):
    """Return them without signs of life and sessions, which belong to processes and browsers of then and there."""
    return {name: count for name, count in tables.items() if name not in ("workers", "operator_sessions")}


def environment_of(config):
    return {"SHOPLAUNCH_HOME": str(config.home), "SHOPLAUNCH_DATABASE_URL": config.database_url}


def measured(config, *words):
    """Run the command; return its peak of memory in bytes."""
    environment = {**os.environ, **environment_of(config)}
    command = [sys.executable, "-c", MEASURED, *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=3000)
    assert done.returncode in (0, 3), done.stderr
    return int(done.stderr.rpartition("peak ")[2])


def old_backup(path, tables, revision="0009", row_bytes=0, rows=0):
    """Write a file as commit 9e78168 did; `rows` more events of `row_bytes` each, however many that are."""
    event = {"attempt": 1, "at": 1.0, "body": "x" * row_bytes, "event": "heartbeat", "id": 0, "job": "job1",
             "received_at": 1.0, "seq": 0, "stage": None}  # fmt: skip
    lines = [json.dumps({**event, "id": number, "seq": number}).encode() for number in range(rows)]
    head = json.dumps({"format": 1, "revision": revision, "tables": {}}).encode()[:-2]
    parts = [head]
    for number, name in enumerate(sorted(tables)):
        listed = [json.dumps(row, sort_keys=True).encode() for row in tables[name]]
        parts += [b", " if number else b"", json.dumps(name).encode(), b": [", b", ".join(listed)]
        if name == "events" and lines:
            parts += [b", " if listed else b"", b", ".join(lines)]
        parts.append(b"]")
    document = b"".join([*parts, b"}}"])
    with gzip.open(path, "wb", compresslevel=1) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        entry = tarfile.TarInfo("database.json")
        entry.size = len(document)
        tar.addfile(entry, io.BytesIO(document))
        with tarfile.open(EARLIER) as earlier:
            for member in earlier:
                if member.name.startswith("keys/"):
                    tar.addfile(member, earlier.extractfile(member))
    return len(document)


def old_tables():
    with tarfile.open(EARLIER) as tar:
        return json.load(tar.extractfile("database.json"))["tables"]
