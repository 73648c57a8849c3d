"""Kills a copy of this process at each change it makes to files: what work leaves half done is looked at."""

import os
import signal
import sys

#: What changes files, as the interpreter's audit events call it; `open` counts where it writes.
_CHANGES = frozenset((
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.link", "os.symlink", "os.truncate",
    "shutil.copyfile", "shutil.rmtree",
))  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
#: Where work ends that is not killed before.
_DONE = 0


def killed_at(work, number):
    """Do `work` in a copy of this process, killed right before change `number` (from 1) it makes; return False when it
    makes fewer."""
    child = os.fork()
    if not child:
        code = 1
        try:
            _kill_at(number)
            work()
            code = _DONE
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (_DONE, -signal.SIGKILL), code
    return code != _DONE


def _kill_at(number):
    left = [number]

    def heard(event, given):
        if event in _CHANGES or (event == "open" and isinstance(given[2], int) and given[2] & _WRITES):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(heard)
