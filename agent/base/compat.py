"""Differences between the interpreters and systems the agent runs on; version branches exist only here."""

import errno
import gc
import os
import sys

#: Where distributions keep their CA certificates; an alternative interpreter may have been built for another place.
CA_FILES = (
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def python_version() -> str:
    """Return the running interpreter's version as text."""
    return "{}.{}.{}".format(*sys.version_info[:3])


def ascii_name(host: str) -> "str | bytes":
    """Return `host` (str) as bytes when it is ASCII, so that it needs no IDNA encoding: that codec is large and slow to
    load."""
    try:
        return host.encode("ascii")
    except UnicodeEncodeError:
        return host


def tls_name(host: str) -> "str | bytes":
    """Return `host` like `ascii_name` for SSLContext.wrap_socket, where that accepts bytes."""
    return ascii_name(host) if sys.version_info >= (3, 7) else host


def process_start(pid: int) -> "int | None":
    """Return when process `pid` started, in kernel ticks since boot (int); None when there is no such process.

    A zombie counts as ended: it holds no resources any more.
    """
    try:
        with open("/proc/{}/stat".format(pid), "rb") as stream:
            # The name in parentheses may itself hold blanks and parentheses
            fields = stream.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if fields[0] in (b"Z", b"X"):
        return None
    return int(fields[19])


def process_owner(pid: int) -> "int | None":
    """Return the user id of process `pid`, None when there is no such process."""
    try:
        return os.stat("/proc/{}".format(pid)).st_uid
    except FileNotFoundError:
        return None


def keep_modules() -> None:
    """Freeze the loaded modules: the garbage collector skips them, and a fork does not copy their pages."""
    # Python 3.7 and newer
    if hasattr(gc, "freeze"):
        gc.freeze()  # novm
    gc.enable()


def name_process(name: bytes) -> None:
    """Let `ps` and `top` show this process as `name` (bytes, fifteen at most), where the system supports that."""
    try:
        with open("/proc/self/comm", "wb") as stream:
            stream.write(name)
    except OSError:
        # The name only helps people
        return


def peak_memory_bytes() -> int:
    """Return the largest resident size of this process so far, in bytes."""
    try:
        with open("/proc/self/status", "rb") as stream:
            for line in stream:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        # No /proc here; ru_maxrss includes the peak of the program that started this one
        pass
    # Imported here: only where there is no /proc
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def flush_file_system(folder: str) -> None:
    """Wait until everything written so far to the file system of `folder` (path) is on disk. Raises OSError.

    Where possible, only this file system is flushed: another one may hang, or have much to write for other users.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not flush_descriptor(descriptor):
            os.sync()
    finally:
        os.close(descriptor)


def flush_descriptor(descriptor: int) -> bool:
    """Wait until everything written so far to the file system of `descriptor` is on disk; return False where the system
    has no call for that. Raises OSError, since Linux 5.8 also for writes lost since the descriptor was opened."""
    try:
        # Imported here: slow to load, and a Python may lack it
        import ctypes

        flush = ctypes.CDLL(None, use_errno=True).syncfs
    except (ImportError, AttributeError, OSError, MemoryError):
        # Without ctypes, with a C library older than 2.14, or where executable memory is forbidden
        return False
    if flush(descriptor) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EPERM):
        return False
    raise OSError(number, os.strerror(number))
