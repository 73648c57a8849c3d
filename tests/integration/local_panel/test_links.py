"""Whatever an account plants below its home, root neither writes, reads nor removes through it."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from controller.panels.base import SkeletonFiles
from shared.errors import ShoplaunchError
from tests.support.servers.local_server import FILES, snapshot

pytestmark = pytest.mark.root

SECRET = b"root's own words"
#: Every path below the home that the panel writes or reads, parents included.
OUR_FILES = [".shoplaunch/run", ".shoplaunch/agent.pyz", ".shoplaunch/shop.bundle", ".shoplaunch/job"]
OUR_FOLDERS = [".shoplaunch", "public_html", ".php", ".php/sessions", ".php/tmp"]
#: What may be said: of a link or another account, and of a file that is large.
REFUSALS = {"path_refused", "file_error", "account_foreign", "file_too_large"}


@pytest.fixture
def account(server):
    return server.new_account()


@pytest.fixture
def canary(server, tmp_path_factory):
    """A folder of root's with a file, open to everybody's eyes so that only our own care keeps it out of reach."""
    folder = server.directory / f"canary-{os.urandom(4).hex()}"
    folder.mkdir(mode=0o777)
    (folder / "inner").mkdir(mode=0o777)
    for path in (folder / "secret", folder / "inner" / "secret", *(folder / Path(p).name for p in OUR_FILES)):
        path.write_bytes(SECRET)
        path.chmod(0o666)
    folder.chmod(0o777)
    return folder


@pytest.fixture
def neighbour(server):
    """The folder of another account with a file in it."""
    other = server.new_account()
    server.panel().put_file(other, ".shoplaunch/job", b"the neighbour's secret", 0o600)
    return Path(other.home) / ".shoplaunch"


@pytest.fixture
def bundle(tmp_path):
    path = tmp_path / "shop.bundle"
    path.write_bytes(os.urandom(3_000_000))
    return path


def every_operation(server, account, bundle):
    """Return name -> call for everything the panel does below a home, except removing the account."""
    panel = server.panel()
    files = SkeletonFiles(FILES.launcher, FILES.agent, str(bundle))
    operations = {
        "ensure_account": lambda: panel.ensure_account(account.user, account.domain, create=True, email=""),
        "ensure_php": lambda: panel.ensure_php(account, "7.2", None, []),
        "ensure_agent": lambda: panel.ensure_agent(account, files),
        "remove_agent": lambda: panel.remove_agent(account),
    }
    for path in OUR_FILES:
        operations[f"put {path}"] = lambda path=path: panel.put_file(account, path, b"ours", 0o600)
        operations[f"read {path}"] = lambda path=path: panel.read_file(account, path)
        operations[f"sha256 {path}"] = lambda path=path: panel.file_sha256(account, path)
    for path in OUR_FOLDERS:
        operations[f"list {path}"] = lambda path=path: panel.list_folder(account, path)
    return operations


def run_all(operations):
    """Run every operation; return name -> result or refusal's code. Anything but a refusal is a failure."""
    results = {}
    for name, operation in operations.items():
        try:
            results[name] = operation()
        except ShoplaunchError as error:
            assert error.code in REFUSALS, (name, error)
            results[name] = error.code
    return results


def replace(home, path, make):
    """Put what `make(full path)` makes at `path` below `home`, as the account would."""
    full = Path(home) / path
    user = pwd.getpwuid(os.stat(home).st_uid)
    subprocess.run(["rm", "-rf", str(full)], check=True, user=user.pw_uid, group=user.pw_gid)
    if not full.parent.exists():
        full.parent.mkdir(mode=0o700)
        os.chown(full.parent, user.pw_uid, user.pw_gid)
    make(full)
    os.chown(full, user.pw_uid, user.pw_gid, follow_symlinks=False)


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("where", OUR_FILES + OUR_FOLDERS)
def test_a_symbolic_link_to_root_s_things_is_never_followed(server, account, canary, bundle, where):
    before = snapshot(canary)
    target = canary if where in OUR_FOLDERS else canary / "secret"
    # Planted anew before each operation, because some of them remove the link itself.
    for name, operation in every_operation(server, account, bundle).items():
        replace(account.home, where, lambda full: full.symlink_to(target))
        result = run_all({name: operation})[name]
        assert not (isinstance(result, bytes) and SECRET in result), name
        assert not (isinstance(result, list) and "secret" in result), name
        if name.split()[0] in ("put", "read", "sha256", "list") and name.split()[1].startswith(where):
            assert result == "path_refused", name
    assert snapshot(canary) == before


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("where", OUR_FILES)
def test_a_hard_link_to_root_s_file_is_neither_written_nor_read(server, account, canary, bundle, where):
    before = {path: (path.read_bytes(), path.stat().st_mode, path.stat().st_uid) for path in canary.glob("secret")}

    def link(full):
        full.hardlink_to(canary / "secret")

    for name, operation in every_operation(server, account, bundle).items():
        full = Path(account.home) / where
        full.parent.mkdir(mode=0o700, exist_ok=True)
        os.chown(full.parent, pwd.getpwnam(account.user).pw_uid, pwd.getpwnam(account.user).pw_gid)
        full.unlink(missing_ok=True)
        link(full)
        result = run_all({name: operation})[name]
        if name in (f"put {where}", f"read {where}", f"sha256 {where}"):
            assert result == "path_refused", name
    for path, seen in before.items():
        assert (path.read_bytes(), path.stat().st_mode, path.stat().st_uid) == seen


@pytest.mark.parametrize("where", OUR_FILES)
def test_a_hard_link_to_a_file_of_the_same_account_is_not_written(server, account, where):
    home = Path(account.home)
    server.panel().put_file(account, where, b"first", 0o600)
    # Another name for the same file, perhaps on its way into a place where it is trusted.
    (home / "public_html" / "other-name").hardlink_to(home / where)
    with pytest.raises(ShoplaunchError) as failure:
        server.panel().put_file(account, where, b"second", 0o600)
    assert failure.value.code == "path_refused"
    assert (home / "public_html" / "other-name").read_bytes() == b"first"


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("where", OUR_FILES + OUR_FOLDERS)
def test_links_to_another_account_s_things_lead_nowhere(server, account, neighbour, bundle, where):
    before = snapshot(neighbour)
    target = neighbour if where in OUR_FOLDERS else neighbour / "job"
    for name, operation in every_operation(server, account, bundle).items():
        replace(account.home, where, lambda full: full.symlink_to(target))
        result = run_all({name: operation})[name]
        assert not (isinstance(result, bytes) and b"neighbour" in result), name
    assert snapshot(neighbour) == before


@pytest.mark.parametrize("where", [".shoplaunch", ".shoplaunch/job"])
def test_a_link_to_the_account_s_own_things_leads_nowhere_either(server, account, where):
    """The job file holds secrets: it must not come to lie where visitors can read it."""
    panel, own = server.panel(), Path(account.home) / "public_html" / "own"
    panel.put_file(account, "public_html/own/job", b"own", 0o600)
    replace(account.home, where, lambda full: full.symlink_to(own if where == ".shoplaunch" else own / "job"))
    for reach in (panel.put_file, panel.read_file, panel.file_sha256):
        more = (b"ours", 0o600) if reach == panel.put_file else ()
        with pytest.raises(ShoplaunchError) as failure:
            reach(account, ".shoplaunch/job", *more)
        assert failure.value.code == "path_refused"
    assert (own / "job").read_bytes() == b"own"


def test_removing_the_account_removes_links_and_not_what_they_point_to(server, account, canary, neighbour):
    before = snapshot(canary, neighbour)
    home = Path(account.home)
    for number, target in enumerate((canary, canary / "secret", neighbour, neighbour / "job", Path("/etc/passwd"))):
        replace(home, f"link{number}", lambda full, target=target: full.symlink_to(target))
    replace(home, "public_html", lambda full: full.symlink_to(canary))
    replace(home, ".shoplaunch", lambda full: full.symlink_to(neighbour))
    server.panel().remove_account(account)
    assert not home.exists()
    assert snapshot(canary, neighbour) == before


@pytest.mark.parametrize("kind", ["fifo", "folder", "socket", "device"])
def test_what_is_no_plain_file_is_refused_and_nobody_waits_for_it(server, account, kind):
    def make(full):
        if kind == "fifo":
            os.mkfifo(full)
        elif kind == "folder":
            full.mkdir()
        elif kind == "device":
            os.mknod(full, 0o600 | 0o020000, os.makedev(1, 5))
        else:
            import socket

            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(full))

    replace(account.home, ".shoplaunch/job", make)
    panel = server.panel()
    for operation in (
        lambda: panel.read_file(account, ".shoplaunch/job"),
        lambda: panel.file_sha256(account, ".shoplaunch/job"),
        lambda: panel.put_file(account, ".shoplaunch/job", b"ours", 0o600),
    ):
        with pytest.raises(ShoplaunchError) as failure:
            operation()
        assert failure.value.code == "path_refused"


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", ".", "a/./b", "a\0b", "x" * 256])
def test_paths_that_might_leave_the_home_are_refused_before_anything_happens(server, account, path):
    before = snapshot(account.home)
    panel = server.panel()
    for operation in (
        lambda: panel.read_file(account, path),
        lambda: panel.put_file(account, path, b"ours", 0o600),
        lambda: panel.file_sha256(account, path),
    ):
        with pytest.raises(ShoplaunchError) as failure:
            operation()
        assert failure.value.code == "path_refused"
    assert snapshot(account.home) == before


SWAPPER = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
one, two, counter = (os.fsencode(a) for a in sys.argv[1:4])
# Started as root, because the interpreter may not be readable for the account.
os.setgroups([])
os.setresgid(*[int(sys.argv[5])] * 3)
os.setresuid(*[int(sys.argv[4])] * 3)
done = 0
print("ready", flush=True)
parent = os.getppid()
while os.getppid() == parent:
    # Exchanges both names in one step: at any moment there is either the folder or the link.
    if libc.renameat2(-100, one, -100, two, 2) == 0:
        done += 1
        if done % 100 == 0:
            with open(counter, "a") as stream:
                stream.write(".")
"""


def start_swapper(account, one, two, counter):
    """Return a running process of the account that exchanges `one` and `two` again and again."""
    user = pwd.getpwnam(account.user)
    command = [sys.executable, "-I", "-S", "-c", SWAPPER, one, two, counter, user.pw_uid, user.pw_gid]
    swapper = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE)
    assert swapper.stdout.readline() == b"ready\n"
    return swapper


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("where", [".shoplaunch", "public_html", ".php", ".shoplaunch/agent.pyz", ".shoplaunch/job"])
def test_swapping_a_link_in_while_we_work_never_reaches_root_s_things(server, account, canary, bundle, where):
    panel = server.panel()
    panel.ensure_agent(account, SkeletonFiles(FILES.launcher, FILES.agent))
    panel.put_file(account, ".shoplaunch/job", b"job", 0o600)
    before = snapshot(canary)
    user = pwd.getpwnam(account.user)
    twin = Path(account.home) / "twin"
    twin.symlink_to(canary if where in OUR_FOLDERS else canary / "secret")
    os.chown(twin, user.pw_uid, user.pw_gid, follow_symlinks=False)
    counter = Path(account.home) / "swaps"
    swapper = start_swapper(account, f"{account.home}/{where}", twin, counter)
    try:
        operations = every_operation(server, account, bundle)
        # The agent's folder is removed last, so that there is something to swap until then.
        last = operations.pop("remove_agent")
        for _ in range(4):
            for name, result in run_all(operations).items():
                assert not (isinstance(result, bytes) and SECRET in result), name
                assert not (isinstance(result, list) and "secret" in result), name
        run_all({"remove_agent": last})
    finally:
        swapper.kill()
        swapper.wait()
    assert snapshot(canary) == before
    assert counter.read_text() != ""


def test_swapping_links_while_the_account_is_removed_harms_nobody(server, account, canary):
    before = snapshot(canary)
    user = pwd.getpwnam(account.user)
    deep = Path(account.home) / "public_html" / "deep"
    for number in range(200):
        (deep / f"d{number}" / "inner").mkdir(parents=True)
    subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(deep)], check=True)
    for number in range(0, 200, 2):
        link = deep / f"d{number}" / "secret"
        link.symlink_to(canary)
    hands = server.panel()._accounts.hands(server.panel()._accounts.find(account.user))
    twin = Path(account.home) / "twin"
    twin.symlink_to(canary)
    os.chown(twin, user.pw_uid, user.pw_gid, follow_symlinks=False)
    swapper = start_swapper(account, deep / "d199", twin, Path(account.home) / "swaps")
    try:
        for _ in range(5):
            try:
                hands.remove("public_html/deep")
            except ShoplaunchError as error:
                assert error.code in REFUSALS
    finally:
        swapper.kill()
        swapper.wait()
    server.panel().remove_account(account)
    assert not Path(account.home).exists()
    assert snapshot(canary) == before


def test_a_home_that_is_a_link_is_not_an_account_s_home(server, account, canary):
    home = Path(account.home)
    aside = home.with_name(home.name + "-aside")
    home.rename(aside)
    home.symlink_to(canary)
    before = snapshot(canary)
    try:
        for operation in (
            lambda: server.panel().ensure_account(account.user, account.domain, create=True, email=""),
            lambda: server.panel().put_file(account, "public_html/x", b"ours", 0o600),
            lambda: server.panel().remove_agent(account),
        ):
            with pytest.raises(ShoplaunchError) as failure:
                operation()
            assert failure.value.code == "account_foreign"
        assert snapshot(canary) == before
    finally:
        home.unlink()
        aside.rename(home)
