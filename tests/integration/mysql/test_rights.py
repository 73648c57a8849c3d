"""Rights that MySQL asks for in addition to MariaDB's: reported before anything is imported."""

import pytest

from agent.stages import preflight
from tests.integration.agent_work.database.site import Site
from tests.support.error_codes import error_code


@pytest.fixture
def site(mysql_server):
    made = Site(mysql_server)
    yield made
    made.close()


@pytest.mark.parametrize("may", [True, False])
def test_foreign_keys_need_a_right_of_their_own(site, may):
    site.manifest["requirements"] = {"max_statement_bytes": 1, "longest_key_bytes": 1, "objects": ["foreign_key"]}
    if may:
        preflight.check_database(site.attempt(1))
        assert site.names() == {"shoplaunch_attempt", "shoplaunch_ledger"}
        return
    site.server.query(f"REVOKE REFERENCES ON `{site.name}`.* FROM `{site.user}`@localhost")
    assert error_code(preflight.check_database, site.attempt(1)) == "db_privileges"
