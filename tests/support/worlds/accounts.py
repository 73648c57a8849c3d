"""Accounts that tests made by hand go away again, however slowly their processes end."""

import subprocess
import time

#: What `userdel` says when there is no such account.
UNKNOWN = 6
WAIT_SECONDS = 120


def remove_account(user, end_processes):
    """The account is gone; `end_processes()` is called again as long as something of it keeps it from going."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        end_processes()
        done = subprocess.run(["userdel", user], check=False, capture_output=True, text=True)
        if done.returncode in (0, UNKNOWN):
            return
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.2)
