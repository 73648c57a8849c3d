"""A file system of an account's own (FUSE) without any library: it hangs, or answers as an empty folder."""

import ctypes
import errno
import os
import struct
import subprocess
from pathlib import Path

_IN = struct.Struct("<IIQQIIII")
_OUT = struct.Struct("<IiQ")
_INIT, _FORGET, _GETATTR, _STATFS, _OPENDIR, _READDIR, _RELEASEDIR, _BATCH_FORGET = 26, 2, 3, 17, 27, 28, 29, 42
MNT_DETACH = 2


def _attributes(uid):
    return struct.pack("<QQQQQQIIIIIIIIII", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40777, 2, uid, uid, 0, 4096, 0)


def answer(device, uid, hangs):
    """Answer the kernel until the mount is gone; one that `hangs` answers its first question alone."""
    while True:
        try:
            asked = os.read(device, 1 << 20)
        except OSError as error:
            if error.errno == errno.EINTR:
                continue
            return
        _, operation, unique, *_more = _IN.unpack_from(asked)
        if operation in (_FORGET, _BATCH_FORGET):
            continue
        if operation == _INIT:
            body = struct.pack("<IIIIHHIIHHI", 7, 26, 65536, 0, 1, 1, 65536, 1, 0, 0, 0).ljust(64, b"\0")
        elif hangs:
            continue
        elif operation == _GETATTR:
            body = struct.pack("<QII", 1, 0, 0) + _attributes(uid)
        elif operation == _OPENDIR:
            body = struct.pack("<QII", 1, 0, 0)
        elif operation == _STATFS:
            body = b"\0" * 80
        elif operation in (_READDIR, _RELEASEDIR):
            body = b""
        else:
            os.write(device, _OUT.pack(_OUT.size, -errno.ENOSYS, unique))
            continue
        os.write(device, _OUT.pack(_OUT.size + len(body), 0, unique) + body)


class FuseMount:
    """`folder` is a file system that a process of the account `uid` answers for, as `fusermount` would mount it.

    `allow_other`: as where the machine's /etc/fuse.conf says user_allow_other. What is there may also be a file.
    """

    def __init__(self, folder, uid, gid, *, hangs=False, allow_other=False):
        self.folder = os.fspath(folder)
        mode = 0o100000 if os.path.isfile(folder) else 0o40000
        device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={device},rootmode={mode:o},user_id={uid},group_id={gid}" + ",allow_other" * allow_other
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"fuse", self.folder.encode(), b"fuse.mine", 2 | 4, options.encode()) != 0:
            raise OSError(ctypes.get_errno(), "mount")
        # The account need not be able to read this file
        code = f"{Path(__file__).read_text()}\nanswer({device}, {uid}, {hangs})"
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-I", "-S", "-c", code],
            pass_fds=(device,), user=uid, group=gid, extra_groups=[], cwd="/",
        )  # fmt: skip
        os.close(device)

    def close(self):
        """Nothing is mounted there any more."""
        self.process.kill()
        self.process.wait()
        ctypes.CDLL(None).umount2(self.folder.encode(), MNT_DETACH)
