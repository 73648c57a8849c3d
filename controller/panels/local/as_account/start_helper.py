"""Start a command as the account, as this machine's cron would: with cron's limits and session, not the controller's.

Started by starting.py as root together with account_files.py, whose source is passed with it. The command may be any
program of the account: no descriptor, variable, limit, priority or control group of the controller reaches it. Standard
library only.
"""

import ctypes
import errno
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from controller.panels.local.as_account.account_files import drop_rights

#: Process names of cron, and where PAM keeps the rules for its jobs.
CRON_NAMES = ("cron", "crond")
PAM_SERVICES, PAM_LIBRARY = "/etc/pam.d", "libpam.so.0"
PAM_TTY, PAM_SILENT, PAM_ESTABLISH, PAM_DELETE = 3, 0x8000, 2, 4
UMASK = 0o022
#: Join a new, empty session keyring: number of the call `keyctl` by machine, and its first argument.
KEYCTL, JOIN_SESSION = {"x86_64": 250, "aarch64": 219}, 1
STATUS, ANSWER_BYTES, MOST_BYTES = 3, 512, 4096
#: An agent's session is kept open for this long at most.
LONGEST_SECONDS = 2 * 24 * 3600
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
            # A set-user-ID root program keeps the real user id of its caller
            is_roots = status_of(number)["Uid"].split() == ["0"] * 4
            if is_roots and os.readlink(f"/proc/{number}/ns/pid") == own:  # noqa: PTH115 - as above
                return number
        except (FileNotFoundError, ProcessLookupError):
            continue
    return None


def status_of(process: int) -> dict[str, str]:
    """Return the kernel's status of a process, by name."""
    lines = read(f"/proc/{process}/status").splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def join_groups(cron: int) -> None:
    """Join cron's control groups: the controller's limits and its end do not apply to accounts."""
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
    """Take over cron's limits."""
    for limit in sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}):
        try:
            resource.setrlimit(limit, resource.prlimit(cron, limit))
        except ValueError:
            # The kernel does not know it
            continue


def take_priority(cron: int) -> None:
    """Take over cron's priority and CPU affinity."""
    os.sched_setscheduler(0, os.sched_getscheduler(cron), os.sched_getparam(cron))
    os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, cron))
    os.sched_setaffinity(0, os.sched_getaffinity(cron))


def take_memory_score(cron: int) -> None:
    """Take over cron's score for the out-of-memory killer."""
    with open("/proc/self/oom_score_adj", "w") as stream:  # noqa: PTH123 - a name of the kernel
        stream.write(read(f"/proc/{cron}/oom_score_adj"))


def leave_keys(_cron: int) -> None:
    """Drop all keys of the controller's session."""
    number = KEYCTL.get(os.uname().machine)
    if number is not None and ctypes.CDLL(None, use_errno=True).syscall(number, JOIN_SESSION, 0) < 0:
        raise OSError(ctypes.get_errno(), "no new keyring")


ADOPTED: tuple[Callable[[int], None], ...] = (join_groups, take_limits, take_priority, take_memory_score, leave_keys)


def adopt(cron: int) -> list[str]:
    """Become like cron; return a list of what failed."""
    missed = []
    for one in ADOPTED:
        try:
            one(cron)
        except OSError as error:
            missed.append(f"{one.__name__}: {error.strerror}")
    return missed


def is_expired(user: str) -> bool:
    """Return whether the account has expired."""
    for line in read("/etc/shadow").splitlines():
        fields = line.split(":")
        if fields[0] == user and len(fields) > 7 and fields[7]:
            return int(fields[7]) * DAY_SECONDS <= time.time()
    return False


_ASK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


class Conversation(ctypes.Structure):
    """PAM's conversation function, which answers no questions."""

    _fields_ = (("call", _ASK), ("data", ctypes.c_void_p))


#: Returns PAM_CONV_ERR; kept in a global, as PAM calls it later.
_NOBODY = Conversation(_ASK(lambda *_asked: 19), None)


class Session:
    """A PAM session for an account, as cron opens it; it provides `variables`, and `close` ends it."""

    def __init__(self, service: str, user: str) -> None:
        """Open the session. Raises Refused after closing everything again."""
        self._pam, self._handle = ctypes.CDLL(PAM_LIBRARY), ctypes.c_void_p()
        self._pam.pam_strerror.restype = ctypes.c_char_p
        self._pam.pam_getenvlist.restype = ctypes.POINTER(ctypes.c_char_p)
        given = service.encode(), user.encode(), ctypes.byref(_NOBODY), ctypes.byref(self._handle)
        if self._pam.pam_start(*given) != 0:
            raise Refused("failed", "PAM does not begin")
        self._pam.pam_set_item(self._handle, PAM_TTY, b"cron")
        begun: list[Callable[[], int]] = []
        for call, flags, end in (
            (self._pam.pam_acct_mgmt, 0, None),
            (self._pam.pam_setcred, PAM_ESTABLISH, self._forget),
            (self._pam.pam_open_session, 0, None),
        ):
            code = call(self._handle, flags | PAM_SILENT)
            if code != 0:
                why = self._pam.pam_strerror(self._handle, code).decode("utf-8", "replace")
                for back in begun:
                    back()
                self._pam.pam_end(self._handle, code)
                raise Refused("account_closed", f"PAM: {why}")
            begun += [end] if end is not None else []
        self.variables = self._listed()

    def _listed(self) -> dict[str, str]:
        found, variables = {}, self._pam.pam_getenvlist(self._handle)
        for number in range(1000):
            if not variables or variables[number] is None:
                break
            name, _, value = os.fsdecode(variables[number]).partition("=")
            found[name] = value
        return found

    def _forget(self) -> int:
        return int(self._pam.pam_setcred(self._handle, PAM_DELETE | PAM_SILENT))

    def close(self) -> None:
        """Close the session, as cron does when its job has ended."""
        self._forget()
        self._pam.pam_end(self._handle, self._pam.pam_close_session(self._handle, PAM_SILENT))


def session(user: str) -> Session | None:
    """Open cron's session for the account, None where PAM has no rules for cron. Raises Refused."""
    service = next((name for name in CRON_NAMES if os.path.exists(f"{PAM_SERVICES}/{name}")), None)  # noqa: PTH110
    return None if service is None else Session(service, user)


def environment(request: dict[str, Any], of_pam: dict[str, str]) -> dict[str, str]:
    """Return the variables of a cron job: the crontab's override PAM's, the user's name overrides both."""
    user = request["user"]
    usual = {"HOME": request["home"], "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    of_cron = {**usual, **request["variables"], "LOGNAME": user, "USER": user}
    return {**of_pam, **of_cron, **request["environment"]}


def begun(request: dict[str, object], mask: int, variables: dict[str, str]) -> int:
    """Start `command` as the account in its own session; return its process id. Raises Refused, OSError."""
    came, status_fd = os.pipe()
    job = os.fork()
    if job == 0:
        _leave(request, mask, variables, status_fd)
    os.close(status_fd)
    # The kernel closes the pipe when the shell starts
    failure = os.read(came, ANSWER_BYTES)
    os.close(came)
    if failure:
        os.waitpid(job, 0)
        number, _, where = failure.decode("utf-8", "replace").partition(" ")
        if where:
            raise Refused("home_closed", f"{where}: {os.strerror(int(number))}")
        raise OSError(int(number), os.strerror(int(number)))
    return job


def _leave(request: dict[str, Any], mask: int, variables: dict[str, str], status_fd: int) -> NoReturn:
    """Become the account's command; on failure, write the error number, and a folder that caused it, to `status_fd`."""
    try:
        if status_fd != STATUS:
            os.dup2(status_fd, STATUS, inheritable=False)
        os.setsid()
        drop_rights(request["uid"], request["gid"], request["groups"])
        os.umask(mask)
        home = variables["HOME"]
        try:
            os.chdir(home)
        except OSError as error:
            os.write(STATUS, f"{error.errno} {home}".encode("utf-8", "replace")[:ANSWER_BYTES])
            os._exit(1)
        _become(request["uid"], request["command"], variables)
    except OSError as error:
        os.write(STATUS, str(error.errno or errno.EPERM).encode())
    finally:
        os._exit(1)


def _become(uid: int, command: str, variables: dict[str, str]) -> NoReturn:
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers
        if int(name) > STATUS:
            # The descriptor used for this listing is closed already
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
    shell = variables["SHELL"]
    os.execve(shell, [shell, "-c", command], variables)  # noqa: S606 - the cron line's own command


def detach() -> None:
    """Release all descriptors that others wait on, and leave the session, which may be ended as a whole."""
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.chdir("/")
    os.setsid()


def see_out(session: Session, job: int) -> None:
    """Close `session` once `job` has ended, as cron does, or after LONGEST_SECONDS."""
    try:
        watched = select.poll()
        watched.register(os.pidfd_open(job), select.POLLIN)
        watched.poll(LONGEST_SECONDS * 1000)
    except OSError:
        # The kernel does not support process descriptors
        os.waitpid(job, 0)
    session.close()


def start(request: dict[str, Any], status_fd: int) -> None:
    """Start `command` as the account `user`, answer {"missed": differences from cron} on descriptor `status_fd`, and
    stay until its session ends. Raises Refused, OSError when it cannot be started."""
    cron = cron_daemon()
    missed = ["no cron runs"] if cron is None else adopt(cron)
    os.umask(UMASK if cron is None else int(status_of(cron).get("Umask", f"{UMASK:o}"), 8))
    held = session(request["user"])
    # A session may change it (pam_umask), as it does for cron's jobs
    mask = os.umask(UMASK)
    try:
        job = begun(request, mask, environment(request, {} if held is None else held.variables))
    except BaseException:
        if held is not None:
            held.close()
        raise
    detach()
    answer(status_fd, {"missed": missed})
    if held is not None:
        see_out(held, job)


def answer(status_fd: int, found: dict[str, Any]) -> None:
    """Write the result."""
    os.write(status_fd, json.dumps(found).encode("ascii")[:MOST_BYTES])
    os.close(status_fd)


def apart(request: dict[str, Any], status_fd: int) -> NoReturn:
    """Start the command in this process, which may outlive the one that received the request."""
    try:
        if is_expired(request["user"]):
            raise Refused("account_closed", "the account has expired")
        start(request, status_fd)
    except Refused as refused:
        answer(status_fd, {"reason": refused.reason, "message": str(refused)})
    except OSError as error:
        reason = "limits" if error.errno == errno.EAGAIN else "failed"
        answer(status_fd, {"reason": reason, "message": error.strerror or str(error)})
    except BaseException:  # noqa: BLE001 - reported, and nothing runs on
        traceback.print_exc()
    os._exit(0)


def main() -> None:
    """Answer the one request on standard input."""
    request = json.loads(sys.stdin.buffer.readline())
    came, status_fd = os.pipe()
    if os.fork() == 0:
        os.close(came)
        apart(request, status_fd)
    os.close(status_fd)
    # A pipe holds at least this much, and a single write arrives in one piece
    sys.stdout.buffer.write((os.read(came, MOST_BYTES) or b'{"message": "it ended without an answer"}') + b"\n")


if __name__ == "__main__":
    main()
