"""Skeletons of cPanel servers, by every way there is: accounts are created with launcher and agent that work."""

import os
import pwd
import stat
import subprocess
from pathlib import Path

import pytest

from controller.agent_archive.ascii_armor import agent_digest
from controller.panels.base import SkeletonFiles, SkeletonStatus
from controller.panels.cpanel.skeleton import skeleton as module
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.servers.ssh_server import SshServer

pytestmark = pytest.mark.root
NOTHING = SkeletonStatus(None, None, None)
WAYS = ["reseller by API", "reseller by cPanel", "reseller by SSH", "root by SSH", "root here"]
#: Those that work as the reseller's account: its links lead to nothing but its own.
AS_THE_ACCOUNT = WAYS[:2]


class Way:
    """One way to a skeleton: `panel` reaches it, `folder` is where it is, `birth()` makes an account from it."""

    def __init__(self, whm, panel, owner):
        self.whm, self.panel, self.owner = whm, panel, owner
        self.base = whm.skeleton(owner)
        self.folder = self.base / ".shoplaunch"

    def birth(self):
        return self.whm.add_account(owner=self.owner)


@pytest.fixture(scope="module")
def reseller(server):
    """(user, token) of a reseller whose account has a shell."""
    user, token = server.reseller()
    # Without PAM a locked password locks out the key as well
    subprocess.run(["usermod", "-s", "/bin/sh", "-p", "*", user], check=True)
    return user, token


@pytest.fixture(scope="module")
def ssh(server, reseller):
    """Running SSH servers by login: the reseller, root."""
    servers = {
        "reseller": SshServer(reseller[0]).start(),
        "root": SshServer("root", home=server.skeleton().parent).start(),
    }
    yield servers
    for one in servers.values():
        one.stop()


@pytest.fixture
def way_of(whm, panel_of, reseller, ssh, tmp_path, monkeypatch):
    """Return a function that opens a way by its name, and leaves the skeleton empty at the end."""
    used = []

    def make(name):
        monkeypatch.setenv("SHOPLAUNCH_HOME", str(tmp_path))
        owner = "root" if name.startswith("root") else reseller[0]
        login = {} if owner == "root" else {"user": reseller[0], "token": reseller[1]}
        settings = {"skeleton": "root" if owner == "root" else "reseller"}
        if name.endswith("SSH"):
            one = ssh[name.split()[0]]
            one.trust()
            (tmp_path / "ssh_config").write_text(one.client_config.read_text())
            settings["ssh"] = one.target
        if name == "reseller by cPanel":
            # A WHM token that may do nothing with accounts is enough
            login = {"user": reseller[0], "token": whm.token(reseller[0], acls=("acct-summary",))}
            settings["cpanel_url"] = whm.cpanel_url
            login["own_token"] = whm.cpanel_token(reseller[0])
        if name == "root here":
            monkeypatch.setattr(module, "ROOT_HOME", whm.skeleton().parent)
            monkeypatch.setattr(module, "CPANEL", tmp_path)
        way = Way(whm, panel_of(**login, **settings), owner)
        used.append(way)
        return way

    yield make
    for way in used:
        subprocess.run(["rm", "-rf", str(way.folder)], check=True)


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.sampled(of=2)) for name in WAYS])
def way(request, way_of):
    return way_of(request.param)


def digests(files):
    return sha256_hex(files.launcher), sha256_hex(files.agent)


@pytest.mark.sampled(of=2)
def test_accounts_are_born_with_a_launcher_and_an_agent_that_work(way, panel_of, files, account_of):
    assert way.panel.skeleton_status() == NOTHING
    for _ in range(2):
        status = way.panel.ensure_skeleton(files)
        assert (status.launcher_sha256, status.agent_sha256, status.bundle_sha256) == (*digests(files), None)
        assert way.panel.skeleton_status() == status
    # Somebody opened it to others
    (way.folder / "agent.pyz").chmod(0o664)
    assert way.panel.ensure_skeleton(files) == status
    assert stat.S_IMODE((way.folder / "agent.pyz").stat().st_mode) == 0o600
    account = account_of(way.birth())
    home = Path(account.home) / ".shoplaunch"
    assert agent_digest((home / "agent.pyz").read_bytes()) == status.agent_sha256
    seen = len(way.whm.calls.all)
    panel = panel_of()
    panel.ensure_agent(account, files)
    done = {call.function for call in way.whm.calls.all[seen:]}
    assert "Fileman::save_file_content" not in done
    assert panel.file_sha256(account, ".shoplaunch/agent.pyz") == status.agent_sha256
    entry = pwd.getpwnam(account.user)
    drop = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    ran = subprocess.run([*drop, "sh", f"{home}/run"], capture_output=True, text=True, timeout=120, cwd="/")
    assert ran.returncode == 3, "there is no job"
    assert (home / "agent.pyz").read_bytes() == files.agent
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.sampled(of=2)
def test_older_versions_are_replaced_and_the_skeletons_other_files_go(way, files, newer):
    way.panel.ensure_skeleton(files)
    owner = way.folder.stat()
    for name in ("shop.bundle", "old"):
        (way.folder / name).write_bytes(b"of a former version")
        os.chown(way.folder / name, owner.st_uid, owner.st_gid)
    status = way.panel.ensure_skeleton(newer)
    assert (status.launcher_sha256, status.agent_sha256, status.bundle_sha256) == (*digests(newer), None)
    assert sorted(os.listdir(way.folder)) == ["agent.pyz", "agent.sha256", "run"]


@pytest.mark.sampled(of=2)
def test_what_was_damaged_is_found_and_repaired(way, files):
    way.panel.ensure_skeleton(files)
    whole = (way.folder / "agent.pyz").read_bytes()
    (way.folder / "agent.pyz").write_bytes(whole[:-200] + b"A" * 200)
    assert way.panel.skeleton_status().agent_sha256 != sha256_hex(files.agent)
    assert way.panel.ensure_skeleton(files).agent_sha256 == sha256_hex(files.agent)


@pytest.mark.sampled(of=2)
def test_removed_accounts_are_born_with_the_hosts_own_alone(way, files):
    owner = way.base.stat() if way.base.exists() else None
    way.panel.ensure_skeleton(files)
    (way.base / "welcome.txt").write_text("the host's own")
    if owner:
        os.chown(way.base / "welcome.txt", owner.st_uid, owner.st_gid)
    for _ in range(2):
        way.panel.remove_skeleton()
        assert way.panel.skeleton_status() == NOTHING
    born = Path(way.birth().home)
    assert (born / "welcome.txt").exists() and not (born / ".shoplaunch").exists()
    (way.base / "welcome.txt").unlink()


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("name", WAYS[1:])
def test_a_bundle_is_put_there_on_request_and_taken_out_without(way_of, files, bundle, account_of, panel_of, name):
    way = way_of(name)
    digest, size = sha256_hex(bundle.read_bytes()), bundle.stat().st_size
    with_bundle = SkeletonFiles(files.launcher, files.agent, str(bundle))
    for _ in range(2):
        status = way.panel.ensure_skeleton(with_bundle)
        assert (status.bundle_sha256, status.bundle_bytes) == (digest, size)
    account = account_of(way.birth())
    panel = panel_of()
    assert panel.holds_bundle(account, digest, size)
    assert not panel.holds_bundle(account, "0" * 64, size)
    assert way.panel.ensure_skeleton(files).bundle_sha256 is None
    assert not (way.folder / "shop.bundle").exists()


def test_a_bundle_does_not_get_into_a_resellers_skeleton_as_text(way_of, files, bundle):
    way = way_of("reseller by API")
    with pytest.raises(ShoplaunchError) as failure:
        way.panel.ensure_skeleton(SkeletonFiles(files.launcher, files.agent, str(bundle)))
    assert failure.value.code == "panel_refused" and "SSH" in failure.value.message
    assert "ssh" in failure.value.message


@pytest.mark.parametrize("name", [name for name in WAYS if name not in AS_THE_ACCOUNT])
def test_a_link_in_the_way_is_refused_and_nothing_behind_it_touched(way_of, files, tmp_path, name):
    way = way_of(name)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o777)
    way.base.mkdir(exist_ok=True)
    way.folder.symlink_to(elsewhere)
    try:
        for call in (lambda: way.panel.ensure_skeleton(files), way.panel.remove_skeleton):
            with pytest.raises(ShoplaunchError) as failure:
                call()
            assert failure.value.code == "path_refused"
        assert os.listdir(elsewhere) == []
    finally:
        way.folder.unlink()


def test_a_host_that_is_not_known_or_not_there_is_reported_with_advice(way_of, ssh, files, tmp_path):
    way = way_of("reseller by SSH")
    ssh["reseller"].forget()
    with pytest.raises(ShoplaunchError) as failure:
        way.panel.ensure_skeleton(files)
    assert (failure.value.code, failure.value.retryable) == ("ssh_failed", True)
    assert "verification failed" in failure.value.message
    text = (tmp_path / "ssh_config").read_text()
    (tmp_path / "ssh_config").write_text(text.replace(f"Port {ssh['reseller'].port}", "Port 9"))
    with pytest.raises(ShoplaunchError) as failure:
        way.panel.skeleton_status()
    assert failure.value.code == "ssh_failed"


def test_a_key_that_is_not_accepted_is_reported(way_of, ssh, files):
    way = way_of("root by SSH")
    keys = ssh["root"].folder / "authorized_keys"
    allowed = keys.read_text()
    keys.write_text("")
    try:
        with pytest.raises(ShoplaunchError) as failure:
            way.panel.ensure_skeleton(files)
    finally:
        keys.write_text(allowed)
    assert failure.value.code == "ssh_failed" and "Permission denied" in failure.value.message


@attack(
    "a host closes the login of a skeleton's owner: its shell says so, on standard output alone",
    "the error shows those words",
)
def test_what_a_closed_login_says_is_reported(way_of, reseller, files):
    way = way_of("reseller by SSH")
    subprocess.run(["usermod", "-s", "/usr/sbin/nologin", reseller[0]], check=True)
    try:
        with pytest.raises(ShoplaunchError) as failure:
            way.panel.ensure_skeleton(files)
    finally:
        subprocess.run(["usermod", "-s", "/bin/sh", reseller[0]], check=True)
    assert "not available" in failure.value.message


def test_a_bundle_that_does_not_fit_is_reported_although_the_panel_says_the_upload_went_well(way_of, files, bundle):
    way = way_of("reseller by cPanel")
    way.panel.ensure_skeleton(files)
    way.whm.account(way.owner).quota_full = True
    try:
        with pytest.raises(ShoplaunchError) as failure:
            way.panel.ensure_skeleton(SkeletonFiles(files.launcher, files.agent, str(bundle)))
    finally:
        way.whm.account(way.owner).quota_full = False
    assert failure.value.code == "disk_space"
    assert sorted(os.listdir(way.folder)) == ["agent.pyz", "agent.sha256", "run"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_upload_that_is_cut_off_is_known_by_what_arrived(way_of, files, bundle, when):
    way = way_of("reseller by cPanel")
    getattr(way.whm.quirks, f"cut_{when}")("Fileman::upload_files")
    with_bundle = SkeletonFiles(files.launcher, files.agent, str(bundle))
    if when == "before":
        with pytest.raises(ShoplaunchError) as failure:
            way.panel.ensure_skeleton(with_bundle)
        assert (failure.value.code, failure.value.retryable) == ("panel_unreachable", True)
    assert way.panel.ensure_skeleton(with_bundle).bundle_sha256 == sha256_hex(bundle.read_bytes())
    assert (way.folder / "shop.bundle").read_bytes() == bundle.read_bytes()


def test_a_token_of_the_account_that_is_refused_is_reported_as_a_setting_and_accounts_are_served_on(way_of, files):
    way = way_of("reseller by cPanel")
    way.whm.revoke(way.panel._own_token)
    before = way.whm.door.failures
    with pytest.raises(ShoplaunchError) as failure:
        way.panel.ensure_skeleton(files)
    assert failure.value.code == "config_invalid" and "cpanel_token" in failure.value.message
    assert way.whm.door.failures == before + 1
    assert way.panel.whm.call("myprivs").ok


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"skeleton": "none"}, "config_invalid"),
        ({"skeleton": "root"}, "config_invalid"),
        ({"skeleton": "root", "ssh": "-oProxyCommand=x@host"}, "config_invalid"),
        ({"skeleton": "root", "ssh": "root@host;reboot"}, "config_invalid"),
        ({"skeleton": "root", "ssh": "host"}, "config_invalid"),
    ],
)
def test_settings_that_lead_nowhere_are_reported(panel_of, files, settings, code):
    with pytest.raises(ShoplaunchError) as failure:
        panel_of(**settings).ensure_skeleton(files)
    assert failure.value.code == code


@pytest.fixture
def by_login(way_of, panel_of, reseller, ssh):
    """Return a function that opens the panel for the skeleton of `owner`, by the login and token of somebody."""

    def make(owner, login, token):
        way_of(f"{login} by SSH")
        who = {"user": reseller[0], "token": reseller[1]} if token == "reseller" else {}
        return panel_of(**who, skeleton=owner, ssh=ssh[login].target), ssh[login].target

    return make


@pytest.mark.parametrize(
    "whose",
    [("reseller", "root", "reseller"), ("root", "reseller", "reseller"), ("root", "reseller", "root")],
    ids="-".join,
)
def test_a_login_that_is_not_the_skeletons_owner_is_reported_and_nothing_is_written(
    by_login, reseller, whm, files, whose
):
    panel, place = by_login(*whose)
    name = {"root": "root", "reseller": reseller[0]}[whose[0]]
    for call in (lambda: panel.ensure_skeleton(files), panel.skeleton_status, panel.remove_skeleton):
        with pytest.raises(ShoplaunchError) as failure:
            call()
        assert failure.value.code == "config_invalid"
        assert f"{name}@HOST" in failure.value.message and place in failure.value.message
    for base in (whm.skeleton(reseller[0]), whm.skeleton()):
        assert not (base / ".shoplaunch").exists()
