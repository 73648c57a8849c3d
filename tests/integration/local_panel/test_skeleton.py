"""What new accounts are created with: exact, private, replaced in one step, cleared when asked."""

import os
import pwd
import stat
from pathlib import Path

import pytest

from controller.panels.base import SkeletonFiles
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError
from tests.support.servers.local_server import FILES, snapshot

pytestmark = pytest.mark.root


@pytest.fixture
def bundle(tmp_path):
    path = tmp_path / "shop.bundle"
    path.write_bytes(os.urandom(2_500_000))
    return path


def folder(server):
    return Path(server.settings().skeleton)


def test_launcher_agent_and_bundle_are_there_and_closed_to_others(server, bundle):
    status = server.panel().ensure_skeleton(SkeletonFiles(FILES.launcher, FILES.agent, str(bundle)))
    assert status.agent_sha256 == sha256_hex(FILES.agent)
    assert status.bundle_sha256 == sha256_hex(bundle.read_bytes())
    assert status.bundle_bytes == 2_500_000
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder(server).rglob(".shoplaunch*")}
    modes.update({path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder(server) / ".shoplaunch").iterdir()})
    assert modes == {".shoplaunch": 0o700, "run": 0o700, "agent.pyz": 0o600, "shop.bundle": 0o600}
    account = server.new_account()
    born = Path(account.home) / ".shoplaunch"
    assert (born / "shop.bundle").read_bytes() == bundle.read_bytes()
    assert {path.stat().st_uid for path in born.rglob("*")} == {pwd.getpwnam(account.user).pw_uid}


def test_a_second_install_changes_nothing_and_a_new_version_replaces_the_old(server, bundle):
    panel = server.panel()
    panel.ensure_skeleton(SkeletonFiles(FILES.launcher, FILES.agent, str(bundle)))
    before = snapshot(folder(server))
    panel.ensure_skeleton(SkeletonFiles(FILES.launcher, FILES.agent, str(bundle)))
    assert snapshot(folder(server)) == before
    status = panel.ensure_skeleton(SkeletonFiles(FILES.launcher, b"newer agent"))
    assert (status.agent_sha256, status.bundle_sha256) == (sha256_hex(b"newer agent"), None)
    assert sorted(path.name for path in (folder(server) / ".shoplaunch").iterdir()) == ["agent.pyz", "run"]


def test_an_interrupted_or_damaged_install_is_repaired(server, bundle):
    panel = server.panel()
    files = SkeletonFiles(FILES.launcher, FILES.agent, str(bundle))
    panel.ensure_skeleton(files)
    is_managed = folder(server) / ".shoplaunch"
    (is_managed / ".agent.pyz.new").write_bytes(b"half")
    (is_managed / "agent.pyz").write_bytes(b"damaged")
    (is_managed / "run").chmod(0o644)
    with (is_managed / "shop.bundle").open("r+b") as stream:
        stream.seek(1_000_000)
        stream.write(b"x")
    assert panel.ensure_skeleton(files).bundle_sha256 == sha256_hex(bundle.read_bytes())
    assert sorted(path.name for path in is_managed.iterdir()) == ["agent.pyz", "run", "shop.bundle"]
    assert stat.S_IMODE((is_managed / "run").stat().st_mode) == 0o700
    assert (is_managed / "agent.pyz").read_bytes() == FILES.agent


def test_removing_leaves_the_rest_of_the_skeleton(server):
    panel = server.panel()
    panel.ensure_skeleton(FILES)
    (folder(server) / "welcome.txt").write_text("the host's own")
    for _ in range(2):
        panel.remove_skeleton()
        assert (panel.skeleton_status().agent_sha256, panel.skeleton_status().launcher_sha256) == (None, None)
    assert (folder(server) / "welcome.txt").exists()
    account = server.new_account()
    assert not (Path(account.home) / ".shoplaunch").exists()
    assert (Path(account.home) / "welcome.txt").read_text() == "the host's own"


def test_a_bundle_that_is_not_there_is_said_so(server):
    with pytest.raises(ShoplaunchError) as failure:
        server.panel().ensure_skeleton(SkeletonFiles(FILES.launcher, FILES.agent, "/nowhere/shop.bundle"))
    assert failure.value.code == "bundle_missing"


def test_an_account_born_before_gets_the_agent_all_the_same_and_can_be_cleared(server, bundle):
    panel = server.panel()
    panel.remove_skeleton()
    account = server.new_account()
    files = SkeletonFiles(FILES.launcher, FILES.agent, str(bundle))
    panel.ensure_agent(account, files)
    assert panel.list_folder(account, ".shoplaunch") == ["agent.pyz", "run", "shop.bundle"]
    assert panel.file_sha256(account, ".shoplaunch/shop.bundle") == sha256_hex(bundle.read_bytes())
    before = snapshot(account.home)
    panel.ensure_agent(account, files)
    assert snapshot(account.home) == before
    for _ in range(2):
        panel.remove_agent(account)
        assert panel.list_folder(account, ".shoplaunch") is None


def test_an_account_holds_a_bundle_by_its_digest(server, bundle):
    panel, account = server.panel(), server.new_account()
    digest, size = sha256_hex(bundle.read_bytes()), bundle.stat().st_size
    assert not panel.holds_bundle(account, digest, size)
    panel.ensure_agent(account, SkeletonFiles(FILES.launcher, FILES.agent, str(bundle)))
    assert panel.holds_bundle(account, digest, size)
    assert not panel.holds_bundle(account, "0" * 64, size)
