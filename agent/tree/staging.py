"""Where the new tree is built: where renames lead into the document root, and where no web server can be asked for it.

Beside `~/public_html` is the home, which nobody serves; beside `~/public_html/sub` is another site. There the tree is
built in the home all the same. Only where that is another file system it has to be beside the document root: closed to
others, denied, and under a name nobody can guess, because a `.htaccess` of the tree itself may allow what ours denies.
"""

import os
import stat

from agent.base.permissions import OTHERS
from agent.base.state import write_durably
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from agent.base.log import Log
    from agent.tree.work import Work

PREFIX = ".shoplaunch-staging-"
#: Renamed into the document root and back to see whether that works; empty.
PROBE = ".shoplaunch-probe-"
#: Added to the name of a tree that an agent nobody can end may still write into.
ABANDONED = ".abandoned"
DENY = b"""\
# Shoplaunch: nothing of this is served
<IfModule mod_authz_core.c>
Require all denied
</IfModule>
<IfModule !mod_authz_core.c>
Order allow,deny
Deny from all
</IfModule>
"""


def in_home(home: str, job_id: str) -> str:
    """Return the folder in `home` in which the tree of job `job_id` is built."""
    return os.path.join(home, PREFIX + job_id)


def recall(ctx: "Work") -> None:
    """Let `ctx.staging` be where an earlier run of this job began to build."""
    known = ctx.state.get("staging")
    if known and ctx.state.get("job") == ctx.job_id:
        ctx.staging = known


def choose(ctx: "Work") -> None:
    """Let `ctx.staging` be where the tree is built; `attempt.prepare` notes it, and it stays. Raises OSError."""
    if ctx.state.get("staging") and ctx.state.get("job") == ctx.job_id:
        recall(ctx)
        return
    above = os.path.dirname(ctx.domain_root)
    if above != ctx.home and not _leads_into(ctx.domain_root, ctx.home, ctx.job_id):
        ctx.staging = os.path.join(above, PREFIX + ctx.job_id, os.urandom(16).hex())


def _leads_into(root: str, home: str, job_id: str) -> bool:
    """Tell whether what lies in `home` can be renamed into `root`."""
    here, there = os.path.join(home, PROBE + job_id), os.path.join(root, PROBE + job_id)
    remove_probe(root, job_id)
    remove_probe(home, job_id)
    try:
        os.mkdir(here, 0o700)
        try:
            os.rename(here, there)
            here = there
            return True
        finally:
            os.rmdir(here)
    except OSError:
        # Without a document root the first stage says so
        return not os.path.isdir(root)


def remove_probe(folder: str, job_id: str) -> None:
    """What a killed process left of looking in `folder` is gone. Raises OSError."""
    try:
        os.rmdir(os.path.join(folder, PROBE + job_id))
    except (FileNotFoundError, NotADirectoryError):
        return


def ensure(path: str) -> None:
    """The folder `path` is there, closed to others. Raises ShoplaunchError `path_refused`; OSError."""
    above = os.path.dirname(path)
    if os.path.basename(above).startswith(PREFIX):
        _make(above)
        write_durably(os.path.join(above, ".htaccess"), DENY, 0o644)
    _make(path)


def _make(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode):
            raise ShoplaunchError("path_refused", "{} is not a folder".format(path)) from None
        if found.st_uid != os.geteuid():
            # Its owner could put another tree in the place of ours
            raise ShoplaunchError("path_refused", "{} is somebody else's".format(path)) from None
        if found.st_mode & OTHERS:
            os.chmod(path, 0o700)


def abandon(path: str, log: "Log") -> None:
    """Nothing is at `path`, and whoever still writes into the tree that was there does so elsewhere. Raises OSError."""
    left = path + ABANDONED
    _remove(left)
    try:
        os.rename(path, left)
    except FileNotFoundError:
        return
    try:
        _remove(left)
    except OSError as error:
        # Somebody writes into it while it is removed; cleaning up comes back to it
        log.info("the abandoned tree is still there: %s", error.strerror)


def remove(path: str) -> None:
    """The tree at `path` is gone with everything of ours around it, links in it not followed. Raises OSError."""
    above = os.path.dirname(path)
    if os.path.basename(above).startswith(PREFIX):
        _remove(above)
    else:
        _remove(path)
        _remove(path + ABANDONED)


def _remove(path: str) -> None:
    if os.path.islink(path):
        os.unlink(path)
    elif os.path.isdir(path) and not _gone_without_folders(path):
        # Here, not above: it takes long to load, and of a tree that has moved away only a file or two are left
        from shutil import rmtree

        rmtree(path)


def _gone_without_folders(path: str) -> bool:
    """Remove the folder `path` as far as that goes without looking into folders; tell whether it is gone."""
    here = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for name in os.listdir(here):
            os.unlink(name, dir_fd=here)
        os.rmdir(path)
    except OSError:
        # Mostly a folder; of whatever else is wrong those who look closer will tell
        return False
    finally:
        os.close(here)
    return True
