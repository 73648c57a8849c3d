"""File operations as accounts: started as root with `python -I -S -c`, its standard input a socket that brings sockets.

Each of these brings a request and takes its answer, both JSON, in a child that has given its rights up.
"""

import base64
import errno
import json
import os
import shutil
import signal
import socket
import stat
import tarfile
import zipfile


def become(uid, gid):
    """Be the account and nobody else."""
    os.setgroups([gid])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    os.umask(0o022)


def do_write(request):
    """Write in place, as a text editor would: a file that exists keeps its mode."""
    new = not os.path.lexists(request["path"])
    with open(request["path"], "wb") as stream:
        stream.write(base64.b64decode(request["content"]))
    if new:
        os.chmod(request["path"], request["mode"])


def do_read(request):
    """Return the file's content."""
    with open(request["path"], "rb") as stream:
        return base64.b64encode(stream.read()).decode("ascii")


def row(path):
    """Return what a listing says about one entry."""
    status = os.lstat(path)
    kind = "dir" if stat.S_ISDIR(status.st_mode) else "link" if stat.S_ISLNK(status.st_mode) else "file"
    return {
        "file": os.path.basename(path),
        "path": os.path.dirname(path),
        "fullpath": path,
        "type": kind,
        "size": status.st_size,
        "mtime": int(status.st_mtime),
        "mode": status.st_mode,
        "nicemode": f"{stat.S_IMODE(status.st_mode):04o}",
        "uid": status.st_uid,
        "gid": status.st_gid,
        "humansize": f"{status.st_size} bytes",
    }


def do_list(request):
    """Return the rows of a folder, by name."""
    return [row(os.path.join(request["path"], name)) for name in sorted(os.listdir(request["path"]))]


def do_stat(request):
    """Return the row of one entry, None when there is none."""
    return row(request["path"]) if os.path.lexists(request["path"]) else None


def do_mkdir(request):
    """Make one folder; its parent must exist."""
    os.mkdir(request["path"])
    os.chmod(request["path"], request["mode"])


def do_mkfile(request):
    """Make one empty file."""
    os.close(os.open(request["path"], os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    os.chmod(request["path"], request["mode"])


def do_chmod(request):
    """Change a mode."""
    os.chmod(request["path"], request["mode"])


def do_copy(request):
    """Copy a file or a folder; into `target` when that is a folder."""
    target = inside(request)
    if os.path.isdir(request["path"]):
        shutil.copytree(request["path"], target, symlinks=True)
    else:
        shutil.copy2(request["path"], target)


def do_move(request):
    """Move or rename."""
    os.lstat(request["path"])
    os.rename(request["path"], inside(request))


def do_link(request):
    """Make a symbolic link."""
    os.symlink(request["path"], request["target"])


def do_unlink(request):
    """Remove an entry, a folder with everything in it when `recursive`."""
    if os.path.isdir(request["path"]) and not os.path.islink(request["path"]):
        if request["recursive"]:
            shutil.rmtree(request["path"])
        else:
            os.rmdir(request["path"])
    else:
        os.unlink(request["path"])


def do_extract(request):
    """Unpack a tar or zip archive into `target`."""
    if zipfile.is_zipfile(request["path"]):
        with zipfile.ZipFile(request["path"]) as archive:
            archive.extractall(request["target"])
    else:
        with tarfile.open(request["path"]) as archive:
            archive.extractall(request["target"])


def inside(request):
    """Return the target's path, below it when it is a folder."""
    target = request["target"]
    return os.path.join(target, os.path.basename(request["path"])) if os.path.isdir(target) else target


def answered(request):
    """Return the answer to a request, which is carried out as the account."""
    become(request["uid"], request["gid"])
    try:
        if request.get("full") and request["operation"] in ("write", "mkdir", "mkfile", "copy", "extract", "link"):
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        return {"value": globals()["do_" + request["operation"]](request)}
    except OSError as error:
        return {"error": error.strerror or str(error), "errno": error.errno}
    except (tarfile.TarError, zipfile.BadZipFile, shutil.Error) as error:
        return {"error": str(error), "errno": 0}


def answer(connection):
    """Read the request up to its end, and answer it."""
    with connection, connection.makefile("rb") as stream:
        request = json.load(stream)
        connection.sendall(json.dumps(answered(request)).encode())


def main():
    """Answer each request in a child of its own: to start a Python for each takes thirty times as long."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    asked = socket.socket(fileno=0)
    while True:
        message, descriptors, _flags, _address = socket.recv_fds(asked, 1, 1)
        if not message:
            return
        connection = socket.socket(fileno=descriptors[0])
        if os.fork() == 0:
            answer(connection)
            os._exit(0)
        connection.close()


main()
