"""What a job lays into an account in one go, whether or not the account was created with the agent's folder."""

import os
from pathlib import Path

import pytest

from shared.encoding import sha256_hex

pytestmark = pytest.mark.root


@pytest.fixture(params=[False, True], ids=["without a folder", "with a folder"])
def hosting(request, whm, panel_of, account_of, files):
    """An account, created without the agent's folder or with it."""
    made = whm.add_account()
    if request.param:
        panel_of().ensure_agent(account_of(made), files)
    return made


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("cut", [None, "Fileman::mkdir", "Fileman::fileop", "Fileman::save_file_content"])
def test_agent_and_job_lie_in_the_account_after_a_job_looked_once(whm, panel_of, hosting, files, cut):
    panel = panel_of()
    panel.prepare_together(hosting.user, hosting.domain)
    if cut:
        whm.quirks.cut_after(cut)
    account = panel.ensure_account(hosting.user, hosting.domain, create=False, email="")
    panel.ensure_agent(account, files)
    panel.put_file(account, ".shoplaunch/job", b"signed", 0o600)
    panel.files(account).settle()
    folder = Path(hosting.home) / ".shoplaunch"
    assert sorted(os.listdir(folder)) == ["agent.pyz", "agent.sha256", "job", "run"]
    assert (folder / "job").read_bytes() == b"signed"
    assert panel_of().file_sha256(account, ".shoplaunch/agent.pyz") == sha256_hex(files.agent)


def test_a_folder_that_is_only_just_being_made_holds_no_bundle_yet(panel_of, hosting):
    # Asked before the agent is put there, where the server has a folder of bundles
    panel = panel_of()
    panel.prepare_together(hosting.user, hosting.domain)
    account = panel.ensure_account(hosting.user, hosting.domain, create=False, email="")
    panel.files(account)._folder.succeeded()
    assert panel.holds_bundle(account, "0" * 64, 77) is False
