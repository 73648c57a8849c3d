"""What the local panel takes for a home of nobody's."""

import pytest

from controller.panels.local.accounts import Accounts
from controller.panels.local.settings import LocalSettings
from shared.errors import ShoplaunchError
from tests.support.machine.unreadable import REASONS, unreadable


@pytest.mark.parametrize("reason", REASONS)
def test_no_account_is_made_over_a_home_that_cannot_be_read(tmp_path, monkeypatch, reason):
    def made(*_given):
        raise AssertionError("useradd is called")

    monkeypatch.setattr(Accounts, "_added", made)
    accounts = Accounts(LocalSettings.from_dict({"home_base": str(tmp_path), "php": []}))
    tmp_path.chmod(0o755)
    with unreadable(monkeypatch, tmp_path, reason), pytest.raises(ShoplaunchError) as refused:
        accounts._create("alice")
    assert (refused.value.code, refused.value.retryable) == ("panel_refused", True)
