"""Launcher, agent and job file in an account of a cPanel server: text only, closed to others, from one moment on."""

import contextlib
import os
import pwd
import stat
import subprocess
import threading

import pytest

from controller.agent_archive.ascii_armor import agent_digest, armored
from controller.panels.base import SkeletonFiles
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError
from shared.job import cron_line

pytestmark = pytest.mark.root
CHANGES = ("Fileman::save_file_content", "Fileman::mkdir", "Fileman::fileop")


def mode_of(path):
    return oct(stat.S_IMODE(path.stat().st_mode))


def changes(whm, since):
    return [call.function for call in whm.calls.all[since:] if call.function in CHANGES]


def start(account, *arguments):
    """Run the account's launcher, or its agent with `arguments`; return what it did."""
    entry = pwd.getpwnam(account.user)
    drop = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    home = f"{account.home}/.shoplaunch"
    command = ["/usr/bin/python3", "-I", f"{home}/agent.pyz", *arguments] if arguments else ["sh", f"{home}/run"]
    return subprocess.run([*drop, *command], capture_output=True, text=True, timeout=120, cwd="/", check=False)


@contextlib.contextmanager
def watched(path):
    """Give the set of (content, mode) under which the file was seen meanwhile."""
    seen, stop = set(), threading.Event()

    def watch():
        while not stop.is_set():
            with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
                mode = oct(stat.S_IMODE(os.fstat(stream.fileno()).st_mode))
                seen.add((stream.read(), mode))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join()


def as_together(panel, account, together):
    if together:
        panel.prepare_together(account.user, account.domain)
    return panel


@pytest.mark.sampled(of=2, each=("quirks",))
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(
    "quirks",
    [
        {},
        {"file_lists": "dirs_files", "numbers": "str", "api2_envelope": "wrapped"},
        {"new_file_mode": 0o664, "api2_envelope": "unwrapped", "booleans": "str"},
        {"cut_first_of_each_change": True},
        {"language": "fa", "quotes": "guillemets"},
    ],
    ids=lambda quirks: "-".join(quirks) or "plain",
)
def test_an_account_without_anything_gets_launcher_agent_and_job(whm, panel_of, target, quirks, together):
    account, folder, files = target.account, target.folder, target.files
    for name, value in quirks.items():
        setattr(whm.quirks, name, value)
    panel = as_together(panel_of(), account, together)
    panel.ensure_agent(account, files)
    panel.put_file(account, ".shoplaunch/job", b"signed", 0o600)
    panel.files(account).settle()
    assert mode_of(folder) == "0o700"
    assert {name: mode_of(folder / name) for name in sorted(os.listdir(folder))} == {
        "agent.pyz": "0o600", "agent.sha256": "0o600", "job": "0o600", "run": "0o700",
    }  # fmt: skip
    assert (folder / "agent.pyz").read_bytes() == armored(files.agent)
    assert (folder / "run").read_bytes() == files.launcher
    assert panel_of().file_sha256(account, ".shoplaunch/agent.pyz") == sha256_hex(files.agent)


def test_the_launcher_starts_what_came_as_text(whm, panel, account, folder, files):
    panel.ensure_agent(account, files)
    panel.put_file(account, ".shoplaunch/job", b"signed by nobody", 0o600)
    done = start(account)
    assert done.returncode == 3, done.stderr
    assert '"signature_invalid"' in (folder / "state.json").read_text()
    assert (folder / "agent.pyz").read_bytes() == files.agent
    # The real agent is recognised where its text was put
    seen = len(whm.calls.all)
    panel.ensure_agent(account, files)
    assert changes(whm, seen) == []
    assert panel.file_sha256(account, ".shoplaunch/agent.pyz") == sha256_hex(files.agent)


@pytest.mark.parametrize("started", [False, True])
def test_an_agent_of_former_keys_is_replaced(panel, account, folder, files, newer, started):
    panel.ensure_agent(account, files)
    if started:
        assert start(account, "--version").returncode == 0
    panel.ensure_agent(account, newer)
    assert agent_digest((folder / "agent.pyz").read_bytes()) == sha256_hex(newer.agent)
    assert start(account, "--version").returncode == 0
    assert (folder / "agent.pyz").read_bytes() == newer.agent


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize(
    ("name", "how"), [("agent.pyz", "cut"), ("run", "gone"), ("agent.sha256", "other"), ("agent.sha256", "gone")]
)
def test_what_is_not_as_it_was_put_is_put_again(panel, account, folder, files, name, how):
    panel.ensure_agent(account, files)
    whole = (folder / name).read_bytes()
    (folder / name).unlink()
    if how != "gone":
        content = whole[: len(whole) // 2] if how == "cut" else b"something else"
        panel.put_file(account, f".shoplaunch/{name}", content, 0o600)
    panel.ensure_agent(account, files)
    assert (folder / "agent.pyz").read_bytes() == armored(files.agent)
    assert (folder / "run").read_bytes() == files.launcher


@pytest.mark.parametrize("together", [False, True])
def test_a_folder_that_lies_open_is_closed_before_anything_is_put_there(
    whm, panel_of, account, folder, files, together
):
    folder.mkdir(mode=0o755)
    entry = pwd.getpwnam(account.user)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    folder.chmod(0o755)
    seen = len(whm.calls.all)
    panel = as_together(panel_of(), account, together)
    panel.put_file(account, ".shoplaunch/job", b"with the password", 0o600)
    panel.files(account).settle()
    assert changes(whm, seen)[:2] == ["Fileman::fileop", "Fileman::save_file_content"]
    assert (mode_of(folder), mode_of(folder / "job")) == ("0o700", "0o600")


@pytest.mark.parametrize("together", [False, True])
def test_where_the_folder_cannot_be_closed_no_secret_is_put_there(whm, panel_of, account, folder, together):
    entry = pwd.getpwnam(account.user)
    folder.mkdir()
    folder.chmod(0o777)
    # Not the account's own: it may write there and change no mode
    os.chown(folder, 0, entry.pw_gid)
    panel = as_together(panel_of(), account, together)
    with pytest.raises(ShoplaunchError) as failure:
        panel.put_file(account, ".shoplaunch/job", b"with the password", 0o600)
    assert failure.value.code == "panel_refused"
    assert os.listdir(folder) == []


@pytest.mark.parametrize("together", [False, True])
def test_a_job_file_that_is_replaced_is_never_seen_half_written(panel_of, account, folder, together):
    contents = [letter * 300_000 for letter in (b"a", b"b", b"c")]
    panel_of().put_file(account, ".shoplaunch/job", contents[0], 0o600)
    with watched(folder / "job") as seen:
        for content in contents[1:]:
            panel = as_together(panel_of(), account, together)
            panel.put_file(account, ".shoplaunch/job", content, 0o600)
            panel.files(account).settle()
    assert seen <= {(content, "0o600") for content in contents}
    assert (folder / "job").read_bytes() == contents[-1]


def test_where_cron_may_start_an_agent_a_new_job_file_is_never_seen_half_written(panel_of, account, folder):
    line = cron_line("job00001")
    panel_of().ensure_cron(account, line)
    try:
        with watched(folder / "job") as seen:
            panel = as_together(panel_of(), account, True)
            panel.put_file(account, ".shoplaunch/job", b"a" * 300_000, 0o600)
            panel.files(account).settle()
    finally:
        panel_of().remove_cron(account, "shoplaunch:job00001")
    assert seen <= {(b"a" * 300_000, "0o600")}


def test_what_is_written_down_of_an_agent_is_never_ahead_of_it(panel_of, account, folder, files):
    other = SkeletonFiles(files.launcher, files.agent[:-1] + bytes([files.agent[-1] ^ 1]))
    panel_of().ensure_agent(account, files)
    os.chown(folder / "agent.pyz", 0, 0)
    (folder / "agent.pyz").chmod(0o644)
    # Its new content cannot be written, and who began that is gone before it is over
    as_together(panel_of(), account, True).ensure_agent(account, other)
    for thread in threading.enumerate():
        if thread.name.endswith("(_run)"):
            thread.join()
    entry = pwd.getpwnam(account.user)
    os.chown(folder / "agent.pyz", entry.pw_uid, entry.pw_gid)
    panel_of().ensure_agent(account, other)
    assert (folder / "agent.pyz").read_bytes() == armored(other.agent)


@pytest.mark.sampled(of=2, each=("function",))
@pytest.mark.parametrize("function", CHANGES)
@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cut_connection_leaves_what_the_next_try_completes(whm, panel, target, function, nth, when):
    account, folder, files = target.account, target.folder, target.files
    panel.put_file(account, ".shoplaunch/job", b"first attempt", 0o600)
    getattr(whm.quirks, f"cut_{when}")(function, nth)
    for _ in range(2):
        try:
            panel.ensure_agent(account, files)
            panel.put_file(account, ".shoplaunch/job", b"second attempt", 0o600)
        except ShoplaunchError as error:
            assert error.code == "panel_unreachable" and error.retryable
    assert (folder / "job").read_bytes() == b"second attempt"
    assert agent_digest((folder / "agent.pyz").read_bytes()) == sha256_hex(files.agent)


def test_a_full_account_is_reported_as_that(whm, panel, account, folder, files):
    whm.account(account.user).quota_full = True
    try:
        with pytest.raises(ShoplaunchError) as failure:
            panel.ensure_agent(account, files)
    finally:
        whm.account(account.user).quota_full = False
    assert failure.value.code == "disk_space"
    assert not folder.exists()


@pytest.mark.parametrize("recursive", [True, False])
def test_everything_is_removed_again(whm, panel, account, folder, files, recursive):
    whm.quirks.unlink_recursive = recursive
    panel.ensure_agent(account, files)
    entry = pwd.getpwnam(account.user)
    (folder / "outbox").mkdir()
    (folder / "outbox" / "1").write_text("{}")
    for path in (folder / "outbox", folder / "outbox" / "1"):
        os.chown(path, entry.pw_uid, entry.pw_gid)
    for _ in range(2):
        panel.remove_agent(account)
        assert not folder.exists()
    panel.ensure_agent(account, files)
    assert (folder / "run").exists()


def test_a_bundle_is_known_by_its_size_and_cannot_be_put_there(panel, account, folder, files, bundle):
    with pytest.raises(ShoplaunchError) as failure:
        panel.ensure_agent(account, SkeletonFiles(files.launcher, files.agent, str(bundle)))
    assert failure.value.code == "panel_refused"
    digest, size = sha256_hex(bundle.read_bytes()), bundle.stat().st_size
    assert not panel.holds_bundle(account, digest, size)
    panel.ensure_agent(account, files)
    (folder / "shop.bundle").write_bytes(bundle.read_bytes())
    assert panel.holds_bundle(account, digest, size)
    assert not panel.holds_bundle(account, digest, size - 1)


def test_what_is_no_text_is_refused(panel, account, folder):
    with pytest.raises(ShoplaunchError) as failure:
        panel.put_file(account, ".shoplaunch/job", b"\xff\xfe", 0o600)
    assert failure.value.code == "panel_refused"
