"""Start an account's cron command at once, as the account: one short root process becomes the account."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from controller import processes
from controller.panels.local.as_account import sources
from controller.panels.local.as_account.run import ENVIRONMENT, Identity
from controller.panels.start import ACCOUNT, REASONS, Started
from controller.processes import Bounds, TooMuchOutput
from shared.job import START_VARIABLE

LOG = logging.getLogger(__name__)
ANSWER_BYTES = 64 * 1024
SOURCE = sources.joined("account_files", "start_helper")


def start(identity: Identity, command: str, variables: Mapping[str, str], within_seconds: float) -> Started:
    """Start `command`, the account's own cron command, as cron would; return the result. `variables` are those that the
    account's crontab sets for it."""
    began = time.monotonic()
    request = {
        "user": identity.name,
        "home": f"{identity.base.rstrip('/')}/{identity.name}",
        "uid": identity.uid,
        "gid": identity.gid,
        "groups": sorted(os.getgrouplist(identity.name, identity.gid)),
        "command": command,
        "variables": dict(variables),
        "environment": {START_VARIABLE: ACCOUNT},
    }
    try:
        answer = _asked(request, within_seconds)
    except TimeoutError:
        return Started(reason="took_too_long", seconds=time.monotonic() - began)
    seconds = time.monotonic() - began
    if "missed" in answer:
        if answer["missed"]:
            LOG.info("%s: started, not quite as cron does: %s", identity.name, "; ".join(answer["missed"]))
        return Started(ACCOUNT, seconds=seconds)
    LOG.warning("%s: not started at once: %s", identity.name, answer.get("message"))
    reason = str(answer.get("reason"))
    return Started(reason=reason if reason in REASONS else "failed", seconds=seconds)


def _asked(request: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Return the helper's answer, or the reason for its failure. Raises TimeoutError."""
    with os.fdopen(os.memfd_create("request"), "w+b") as asked:
        asked.write(json.dumps(request).encode("ascii") + b"\n")
        asked.seek(0)
        try:
            command = [sys.executable, "-I", "-S", "-c", SOURCE]
            done = processes.run(command, asked, Bounds(seconds, ANSWER_BYTES), ENVIRONMENT)
        except TooMuchOutput:
            return {"message": f"it answered more than {ANSWER_BYTES} bytes"}
        except TimeoutError:
            # It is an OSError as well
            raise
        except OSError as error:
            return {"message": f"it cannot be run: {error.strerror}"}
    if done.returncode != 0:
        return {"message": f"it ended with {done.returncode}: {done.stderr.decode('utf-8', 'replace')[-300:]}"}
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
