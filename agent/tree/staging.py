"""The folder in which the new tree is built: renames from it reach the document root, and no web server serves it.

The folder above `~/public_html` is the home, which is not served; the folder above `~/public_html/sub` is another
site, so that tree is built in the home as well. Only where the home is on another file system, the tree lies next to
the document root: closed to other users, denied to visitors, and under a name that cannot be guessed, because a
`.htaccess` of the tree itself may allow what ours denies.
"""

import os
import stat

from agent.base.permissions import OTHERS
from agent.base.plain_files import is_folder
from agent.base.state import write_durably
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from agent.base.log import Log
    from agent.tree.work import Work

PREFIX = ".shoplaunch-staging-"
#: Renamed into the document root and back to check whether that works; empty.
PROBE = ".shoplaunch-probe-"
#: Suffix of a tree that another agent, which cannot be ended, may still write into.
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
    """Set `ctx.staging` to the folder where an earlier run of this job began to build."""
    known = ctx.state.data.get("staging")
    if known and ctx.state.data.get("job") == ctx.job_id:
        ctx.staging = known


def choose(ctx: "Work") -> None:
    """Set `ctx.staging` to the folder for the tree; `resume.prepare` notes it, and it stays. Raises OSError."""
    if ctx.state.data.get("staging") and ctx.state.data.get("job") == ctx.job_id:
        recall(ctx)
        return
    above = os.path.dirname(ctx.domain_root)
    if above != ctx.home and not _leads_into(ctx.domain_root, ctx.home, ctx.job_id):
        ctx.staging = os.path.join(above, PREFIX + ctx.job_id, os.urandom(16).hex())


def _leads_into(root: str, home: str, job_id: str) -> bool:
    """Return whether entries of `home` can be renamed into `root`."""
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
        # A missing document root is reported by the first stage
        return not is_folder(root)


def remove_probe(folder: str, job_id: str) -> None:
    """Remove the probe that a killed process left in `folder`. Raises OSError."""
    try:
        os.rmdir(os.path.join(folder, PROBE + job_id))
    except (FileNotFoundError, NotADirectoryError):
        return


def ensure(path: str) -> None:
    """Create the folder `path`, closed to others. Raises ShoplaunchError `path_refused`; OSError."""
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
            # Its owner could replace our tree
            raise ShoplaunchError("path_refused", "{} is somebody else's".format(path)) from None
        if found.st_mode & OTHERS:
            os.chmod(path, 0o700)


def abandon(path: str, log: "Log") -> None:
    """Move the tree away from `path`, so that another agent's writes go elsewhere, and remove it. Raises OSError."""
    left = path + ABANDONED
    _remove(left)
    try:
        os.rename(path, left)
    except FileNotFoundError:
        return
    try:
        _remove(left)
    except OSError as error:
        # Another agent writes into it during the removal; stage cleanup tries again
        log.info("the abandoned tree is still there: %s", error.strerror)


def remove(path: str) -> None:
    """Remove the tree at `path` and the agent's files around it, without following links. Raises OSError."""
    above = os.path.dirname(path)
    if os.path.basename(above).startswith(PREFIX):
        _remove(above)
    else:
        _remove(path)
        _remove(path + ABANDONED)


def _remove(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISLNK(mode):
        os.unlink(path)
    elif stat.S_ISDIR(mode) and not _gone_without_folders(path):
        # Imported here: slow to load, and mostly only a file or two are left of a tree that was moved
        from shutil import rmtree

        rmtree(path)


def _gone_without_folders(path: str) -> bool:
    """Remove the folder `path` if it has no folders in it; return whether it is removed."""
    here = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for name in os.listdir(here):
            os.unlink(name, dir_fd=here)
        os.rmdir(path)
    except OSError:
        # Mostly because of a folder; any other error recurs in the full removal
        return False
    finally:
        os.close(here)
    return True
