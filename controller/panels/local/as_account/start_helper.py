"""What starts a command as the account, as this machine's cron would: its limits, its session, and nothing of ours.

Started by starting.py as root, like helper.py, which is handed over with it. Whatever runs in the end may be anything
the account put there: no descriptor, variable, limit, priority or control group of the controller's reaches it.
Standard library only.
"""

import ctypes
import errno
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from controller.panels.local.as_account.helper import drop_rights

#: What cron is called among the processes, and where PAM keeps what goes for its jobs.
CRON_NAMES = ("cron", "crond")
PAM_SERVICES, PAM_LIBRARY = "/etc/pam.d", "libpam.so.0"
PAM_TTY, PAM_SILENT, PAM_ESTABLISH = 3, 0x8000, 2
UMASK = 0o022
#: Join a new, empty session keyring: number of the call `keyctl` by machine, and its first argument.
KEYCTL, JOIN_SESSION = {"x86_64": 250, "aarch64": 219}, 1
STATUS, ANSWER_BYTES = 3, 64
DAY_SECONDS = 24 * 3600


class Refused(Exception):
    """Cron would not start anything for this account now, or cannot."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def read(path: str) -> str:
    """Return a file of the system's as text."""
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:  # noqa: PTH123 - names in /proc
        return stream.read()


def cron_daemon() -> int | None:
    """Return the process id of this machine's cron, None where none runs."""
    own = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - no path of a file system
    for number in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):  # noqa: PTH208 - names alone
        try:
            if read(f"/proc/{number}/comm").strip() not in CRON_NAMES:
                continue
            # A program that root's rights are lent to keeps the number of whoever called it
            is_roots = status_of(number)["Uid"].split() == ["0"] * 4
            if is_roots and os.readlink(f"/proc/{number}/ns/pid") == own:  # noqa: PTH115 - as above
                return number
        except (FileNotFoundError, ProcessLookupError):
            continue
    return None


def status_of(process: int) -> dict[str, str]:
    """Return what the kernel tells of a process, by name."""
    lines = read(f"/proc/{process}/status").splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def join_groups(cron: int) -> None:
    """Belong to cron's control groups: neither our limits nor our end are those of an account."""
    mounts = [line.split() for line in read("/proc/self/mounts").splitlines()]
    for line in read(f"/proc/{cron}/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if line in read("/proc/self/cgroup").splitlines():
            continue
        for _, place, kind, options, *_ in mounts:
            is_it = kind == "cgroup2" if not controllers else kind == "cgroup" and controllers in options
            if is_it:
                with open(f"{place}{path.rstrip('/')}/cgroup.procs", "w") as stream:  # noqa: PTH123 - names of the kernel
                    stream.write(str(os.getpid()))
                break


def take_limits(cron: int) -> None:
    """Have cron's limits."""
    for limit in sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}):
        try:
            resource.setrlimit(limit, resource.prlimit(cron, limit))
        except ValueError:
            # The kernel does not know it
            continue


def take_priority(cron: int) -> None:
    """Have cron's priority, and its processors."""
    os.sched_setscheduler(0, os.sched_getscheduler(cron), os.sched_getparam(cron))
    os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, cron))
    os.sched_setaffinity(0, os.sched_getaffinity(cron))


def take_memory_score(cron: int) -> None:
    """Be ended as early as cron's jobs where memory ends."""
    with open("/proc/self/oom_score_adj", "w") as stream:  # noqa: PTH123 - a name of the kernel
        stream.write(read(f"/proc/{cron}/oom_score_adj"))


def leave_keys(_cron: int) -> None:
    """Have no key of the controller's session."""
    number = KEYCTL.get(os.uname().machine)
    if number is not None and ctypes.CDLL(None, use_errno=True).syscall(number, JOIN_SESSION, 0) < 0:
        raise OSError(ctypes.get_errno(), "no new keyring")


ADOPTED: tuple[Callable[[int], None], ...] = (join_groups, take_limits, take_priority, take_memory_score, leave_keys)


def adopt(cron: int) -> list[str]:
    """Become like cron; return what of it could not be done."""
    missed = []
    for one in ADOPTED:
        try:
            one(cron)
        except OSError as error:
            missed.append(f"{one.__name__}: {error.strerror}")
    return missed


def is_expired(user: str) -> bool:
    """Tell whether the account is closed since some day."""
    for line in read("/etc/shadow").splitlines():
        fields = line.split(":")
        if fields[0] == user and len(fields) > 7 and fields[7]:
            return int(fields[7]) * DAY_SECONDS <= time.time()
    return False


_ASK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


class Conversation(ctypes.Structure):
    """Who answers what PAM asks: nobody."""

    _fields_ = (("call", _ASK), ("data", ctypes.c_void_p))


#: PAM_CONV_ERR; kept, as PAM calls it later.
_NOBODY = Conversation(_ASK(lambda *_asked: 19), None)


def session(user: str) -> dict[str, str]:
    """Begin a session of cron's for the account as PAM is set up here; return its variables. Raises Refused."""
    service = next((name for name in CRON_NAMES if os.path.exists(f"{PAM_SERVICES}/{name}")), None)  # noqa: PTH110
    if service is None:
        return {}
    pam, handle = ctypes.CDLL(PAM_LIBRARY), ctypes.c_void_p()
    pam.pam_strerror.restype = ctypes.c_char_p
    pam.pam_getenvlist.restype = ctypes.POINTER(ctypes.c_char_p)
    if pam.pam_start(service.encode(), user.encode(), ctypes.byref(_NOBODY), ctypes.byref(handle)) != 0:
        raise Refused("failed", "PAM does not begin")
    pam.pam_set_item(handle, PAM_TTY, b"cron")
    for call, flags in ((pam.pam_acct_mgmt, 0), (pam.pam_setcred, PAM_ESTABLISH), (pam.pam_open_session, 0)):
        code = call(handle, flags | PAM_SILENT)
        if code != 0:
            raise Refused("account_closed", f"PAM: {pam.pam_strerror(handle, code).decode('utf-8', 'replace')}")
    found, variables = {}, pam.pam_getenvlist(handle)
    for number in range(1000):
        if not variables or variables[number] is None:
            break
        name, _, value = os.fsdecode(variables[number]).partition("=")
        found[name] = value
    return found


def environment(user: str, home: str, variables: dict[str, str], more: dict[str, str]) -> dict[str, str]:
    """Return the variables of a cron job."""
    own = {"HOME": home, "LOGNAME": user, "USER": user, "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    return {**variables, **own, **more}


def detached(uid: int, command: str, variables: dict[str, str]) -> None:
    """Run `command` by the shell in a session of its own, with nothing of ours, and do not wait. Raises OSError."""
    came, told = os.pipe()
    first = os.fork()
    if first == 0:
        _leave(uid, command, variables, told)
    os.close(told)
    _, ended = os.waitpid(first, 0)
    # Closed by the kernel where the shell has begun
    failure = os.read(came, ANSWER_BYTES)
    if failure or ended:
        number = int(failure) if failure.isdigit() else errno.EIO
        raise OSError(number, os.strerror(number))


def _leave(uid: int, command: str, variables: dict[str, str], told: int) -> NoReturn:
    """Become the account's command; tell the number of what is in the way."""
    try:
        os.dup2(told, STATUS, inheritable=False)
        os.setsid()
        if os.fork():
            os._exit(0)
        _become(uid, command, variables)
    except OSError as error:
        os.write(STATUS, str(error.errno).encode())
    finally:
        os._exit(1)


def _become(uid: int, command: str, variables: dict[str, str]) -> NoReturn:
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers
        if int(name) > STATUS:
            # The one this list was read through is closed already
            try:
                os.close(int(name))
            except OSError as error:
                if error.errno != errno.EBADF:
                    raise
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # Last: from here on the account's other processes may stop and end this one
    os.setresuid(uid, uid, uid)
    os.execve("/bin/sh", ["/bin/sh", "-c", command], variables)  # noqa: S606 - the cron line's own command


def start(request: dict[str, Any]) -> dict[str, Any]:
    """Start `command` as the account `user`; return {"missed": what is not as cron has it}. Raises Refused, OSError."""
    user, home = request["user"], request["home"]
    if is_expired(user):
        raise Refused("account_closed", "the account has expired")
    cron = cron_daemon()
    missed = ["no cron runs"] if cron is None else adopt(cron)
    mask = UMASK if cron is None else int(status_of(cron).get("Umask", f"{UMASK:o}"), 8)
    variables = environment(user, home, session(user), request["environment"])
    drop_rights(request["uid"], request["gid"], request["groups"])
    os.umask(mask)
    try:
        os.chdir(home)
    except OSError as error:
        raise Refused("home_closed", f"{home}: {error.strerror}") from None
    detached(request["uid"], request["command"], variables)
    return {"missed": missed}


def main() -> None:
    """Answer the one request on standard input."""
    request = json.loads(sys.stdin.buffer.readline())
    try:
        answer = start(request)
    except Refused as refused:
        answer = {"reason": refused.reason, "message": str(refused)}
    except OSError as error:
        reason = "limits" if error.errno == errno.EAGAIN else "failed"
        answer = {"reason": reason, "message": error.strerror or str(error)}
    sys.stdout.buffer.write(json.dumps(answer).encode("ascii") + b"\n")


if __name__ == "__main__":
    main()
