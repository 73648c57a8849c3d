"""What an account or its site is called opens nothing to it that is another account's, or the controller's own."""

import pytest

from controller.db.machines.servers import Server
from controller.panels.local.opening import open_panel
from controller.panels.local.services.mariadb import SUFFIX, names_of, temporary_name
from controller.settings.loading import load_config
from shared.errors import ShoplaunchError
from tests.attacks.table import attack

LONG = "acmeonlineshopofeverythingandon"
JOB = "abcdefghij"


@attack(
    "an account is called as the shortened name of another one's database, or of its job's database user",
    "it has a database and users of its own",
)
def test_no_account_is_called_as_anothers_database():
    shop, _user = names_of(LONG)
    like_shop = shop.removesuffix(SUFFIX)
    like_job = temporary_name(LONG, JOB).rpartition("_")[0]
    assert names_of(like_shop) != names_of(LONG)
    assert temporary_name(like_job, JOB) != temporary_name(LONG, JOB)
    assert all(len(name) <= 32 for name in (*names_of(like_shop), temporary_name(like_job, JOB)))


@pytest.mark.root
@attack(
    "a client orders a shop for the controller's own host name, on the controller's machine, so that operators and "
    "authorities of certificates meet it there",
    "the order is refused: no account's site answers to that name",
)
@pytest.mark.parametrize("name", ["control.example.com", "www.control.example.com"])
def test_no_site_answers_to_the_controllers_own_name(tmp_path, name):
    given = {"SHOPLAUNCH_HOME": str(tmp_path), "SHOPLAUNCH_PUBLIC_URL": f"https://{name.upper()}:8443"}
    panel = open_panel(load_config(given), Server("here", "local"))
    with pytest.raises(ShoplaunchError) as failure:
        # Names are looked at first; and where they are not, no account of this very machine may be made
        panel.ensure_account("alice", "control.example.com", create=False, email="alice@example.com")
    assert failure.value.code == "name_taken" and name in failure.value.message
