"""Stage 1: the shop is packed as somebody does it who has never packed one, with no option but the three needed."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

from tests.corpus.shops import FAILED, PASSED

SECONDS = 1800
SHOPLAUNCH = os.path.join(os.path.dirname(sys.executable), "shoplaunch")
#: Of a report: how many rows of each part are kept as evidence.
KEPT_ROWS = 200


def command(shop, target):
    """Return the command line of a newcomer; --json changes what is printed and nothing else."""
    return [SHOPLAUNCH, "pack", "--docroot", str(shop.tree), "--dump", str(shop.dump), "-o", str(target), "--json"]


def pack(shop, folder, thorough=False):
    """Pack `shop` into `folder`; return the stage's document. `thorough`: a second time, for the same bytes."""
    target = folder / "shop.bundle"
    target.unlink(missing_ok=True)
    document = {"state": FAILED, "bundle": str(target)}
    code, said, complaints, kilobytes = _run(command(shop, target), folder)
    document |= {"exit_code": code, "max_rss_kb": kilobytes, "phases": _phases(complaints)}
    if code is None:
        return document | {"code": "timeout", "message": f"not packed after {SECONDS} s"}
    output = _as_json(said)
    if code != 0 or "manifest" not in output:
        return document | _error(output, complaints, code)
    document |= {"state": PASSED, "size": target.stat().st_size, "sha256": _digest(target)}
    document |= _summary(output["manifest"], output["report"])
    (folder / "report.json").write_text(json.dumps(output["report"], ensure_ascii=False, indent=1), "utf-8")
    (folder / "manifest.json").write_text(json.dumps(output["manifest"], ensure_ascii=False), "utf-8")
    if thorough:
        document |= _again(shop, folder, document["sha256"])
    return document


def _run(words, folder):
    """Run the command; return (exit code or None, standard output, standard error, most memory in KB)."""
    with open(folder / "pack.out", "w+b") as out, open(folder / "pack.err", "w+b") as err:
        process = subprocess.Popen(words, stdout=out, stderr=err, stdin=subprocess.DEVNULL, start_new_session=True)
        code, kilobytes = _ended(process, time.monotonic() + SECONDS)
        out.seek(0)
        err.seek(0)
        said, complaints = out.read().decode("utf-8", "replace"), err.read().decode("utf-8", "replace")
    return code, said, complaints, kilobytes


def _ended(process, deadline):
    """Wait until the process ends, or end it at `deadline`; return (exit code or None, most memory in KB)."""
    code = 0
    while not (found := os.wait4(process.pid, os.WNOHANG))[0]:
        if time.monotonic() > deadline and code is not None:
            os.killpg(process.pid, signal.SIGTERM)
            code = None
        time.sleep(0.05)
    process.returncode = os.waitstatus_to_exitcode(found[1])
    return code if code is None else process.returncode, found[2].ru_maxrss


def _as_json(text):
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _error(output, complaints, code):
    error = output.get("error") or {}
    last = complaints.strip().splitlines()[-3:]
    return {
        "code": error.get("code", f"exit {code}"),
        "message": error.get("message") or "\n".join(last),
        "advice": error.get("advice", ""),
    }


def _phases(complaints):
    """Return phase -> seconds as the packer said them."""
    found = {}
    for line in complaints.splitlines():
        name, _, rest = line.partition(": ")
        words = rest.split()
        if len(words) == 2 and words[1] == "s":
            found[name] = float(words[0])
    return found


def _summary(manifest, report):
    shortened = {
        name: value if not isinstance(value, list) or len(value) <= KEPT_ROWS else [*value[:KEPT_ROWS], "…"]
        for name, value in report.items()
        if name not in ("rewriting", "compressed_files_not_searched")
    }
    return {
        "application": manifest["application"],
        "php": manifest["requirements"]["php"],
        "checks": len(manifest["checks"]),
        "placeholders": sum(report.get("rewriting", {}).get("forms", {}).values()),
        "files": report.get("files", {}).get("files", 0),
        "tables": report.get("tables", 0),
        "rows": report.get("rows", 0),
        "report": shortened,
    }


def _again(shop, folder, digest):
    second = folder / "again.bundle"
    code, *_ = _run(command(shop, second), folder)
    same = code == 0 and _digest(second) == digest
    second.unlink(missing_ok=True)
    if same:
        return {"same_bytes": True}
    return {"same_bytes": False, "state": FAILED, "code": "not_reproducible", "message": "packed twice, not the same"}


def _digest(path):
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
