"""What a server refuses a job, or takes from it midway: reported by its code; corrected by hand, the job goes on."""

from pathlib import Path

import pytest

from controller.db.machines import breakers
from controller.jobs.steps.drop import agent_files
from controller.panels.base import Prepared
from controller.panels.cpanel.account import accounts
from shared.errors import ShoplaunchError
from shared.job import cron_line
from tests.attacks.table import attack

pytestmark = pytest.mark.root
FOREIGN = "# mine\n5 4 * * * backup --all\n"


@pytest.fixture
def world(world_of):
    return world_of(reseller=True)


def failed(world, job, code, seconds=0):
    """The job fails with `code`, also after it was tried again for `seconds`; return what is said."""
    world.work()
    if seconds:
        world.work_later(seconds, stride=5)
    found = world.status(job)
    assert (found["state"], (found["error"] or {}).get("code")) == ("failed", code), found
    assert found["error"]["advice"]
    return found["error"]["message"]


def goes_on(world, job):
    """Once that is corrected, the job gets into the account as if nothing had happened."""
    world.service.jobs.retry(job.id)
    world.work()
    assert world.job(job).state == "dropped", world.status(job)


def untouched(world, hosting):
    """Nothing was made in the account."""
    assert not (hosting.databases or hosting.database_users or world.whm.engine.crontab(hosting.user))
    assert not (Path(hosting.home) / ".shoplaunch").exists()


FEATURES = [("mysql", "databases"), ("cron", "cron"), ("multiphp", "PHP"), ("filemanager", "files")]


@pytest.mark.sampled(of=2, each=("feature",))
@pytest.mark.parametrize(("feature", "word"), FEATURES)
@pytest.mark.parametrize("language", ["en", "fa"])
def test_a_feature_the_package_lacks_is_named(whm, world, feature, word, language):
    whm.quirks.language = language
    hosting = world.hosting()
    hosting.features_off.add(feature)
    job = world.sell(hosting)
    assert word in failed(world, job, "feature_missing")
    assert not whm.engine.crontab(hosting.user)
    hosting.features_off.clear()
    goes_on(world, job)


def test_a_package_without_databases_is_reported_by_its_limit(whm, world):
    package = whm.add_package("nodatabases", maxsql=0)
    hosting = world.hosting(plan="nodatabases")
    job = world.sell(hosting)
    assert "0 databases" in failed(world, job, "database_limit")
    assert not (hosting.databases or whm.engine.crontab(hosting.user))
    package.maxsql = 1
    goes_on(world, job)


def test_a_prefix_that_leaves_no_room_for_a_name_is_reported(whm, world):
    whm.quirks.prefix, whm.quirks.max_username_length = "sixteen", 16
    hosting = world.hosting(user=whm.new_user().ljust(16, "x")[:16])
    job = world.sell(hosting)
    assert hosting.user in failed(world, job, "name_too_long")
    assert not (hosting.databases or hosting.database_users)
    whm.quirks.max_username_length = 47
    goes_on(world, job)


@pytest.mark.sampled(of=2, rests=True)
def test_an_account_that_is_full_when_its_job_file_comes_goes_on_when_there_is_room(whm, world, monkeypatch):
    # The cut connections only hold the job up: its server is not to be waited for, by another clock than the world's
    monkeypatch.setattr(breakers, "FAILURES", 1000)
    hosting = world.hosting()
    job = world.sell(hosting)
    for number in range(1, 7):
        whm.quirks.cut_before("Fileman::save_file_content", number)
    world.work()
    assert hosting.databases, "everything before was done"
    hosting.quota_full = True
    failed(world, job, "disk_space", seconds=120)
    assert not whm.engine.crontab(hosting.user)
    assert not (Path(hosting.home) / ".shoplaunch" / "job").exists()
    hosting.quota_full = False
    goes_on(world, job)


def test_another_tenants_account_is_not_there_for_us_and_stays_untouched(whm, world):
    other = world.quiet(whm.add_account(owner="root"))
    job = world.sell(other)
    assert other.user in failed(world, job, "account_missing")
    untouched(world, other)


@pytest.mark.parametrize("owner", ["root", "reseller"])
def test_a_domain_in_another_account_is_refused_without_saying_whose_it_is(whm, world, owner):
    other = whm.add_account(owner=world.owner if owner == "reseller" else "root")
    hosting = world.hosting()
    job = world.sell(hosting, domain=other.domain)
    assert other.user not in failed(world, job, "domain_foreign").replace(other.domain, "")
    untouched(world, hosting)
    untouched(world, other)


@attack(
    "the token of a server lacks the privilege cpanel-api, so that WHM shows nothing of any domain",
    "the job ends with privilege_missing and names it; the client's domain is not called somebody else's",
)
def test_a_token_without_the_privilege_for_accounts_is_named_and_not_the_domain(whm, world):
    hosting = world.hosting()
    kept = world.server().token_encrypted
    acls = ("acct-summary", "list-accts", "create-acct")
    world.change(token_encrypted=world.keys.encrypt(whm.token(world.owner, acls)))
    job = world.sell(hosting)
    assert "cpanel-api" in failed(world, job, "privilege_missing")
    untouched(world, hosting)
    world.change(token_encrypted=kept)
    goes_on(world, job)


@attack(
    "WHM says that an account is made and shows it only some looks later",
    "it is waited for, and made once; the order goes on",
)
@pytest.mark.parametrize("looks", [1, 7])
def test_a_new_account_that_is_shown_late_is_waited_for(whm, world, monkeypatch, looks):
    monkeypatch.setattr(accounts, "PAUSE_SECONDS", 0.01)
    whm.quirks.shown_late = looks
    user = whm.new_user()
    job = world.order(server="cp1", account=user, domain=f"{user}.example.net", create_account=True)
    world.work()
    assert world.job(job).state == "dropped", world.status(job)
    assert len(whm.calls.of("createacct")) == 1


def test_a_new_account_that_is_never_shown_is_named(whm, world, monkeypatch):
    monkeypatch.setattr(accounts, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(accounts, "LATE_SECONDS", 0.1)
    whm.quirks.shown_late = 1_000_000
    user = whm.new_user()
    with pytest.raises(ShoplaunchError) as caught:
        world.server_panel().ensure_account(user, f"{user}.example.net", create=True, email="o@example.com")
    assert (caught.value.code, user in caught.value.message) == ("panel_unverified", True)


def test_an_account_of_the_system_is_refused(world):
    job = world.order(server="cp1", account="mysql", domain="x.example.net", create_account=False)
    failed(world, job, "account_foreign")


@pytest.mark.parametrize("times", [1, 3])
def test_the_same_cron_line_that_is_there_already_is_there_once_and_others_stay(whm, world, times):
    hosting = world.hosting()
    job = world.sell(hosting)
    line = cron_line(job.id)
    whm.engine.write_crontab(hosting.user, FOREIGN + f"{line}\n" * times)
    world.work()
    assert world.job(job).state == "dropped", world.status(job)
    assert whm.engine.crontab(hosting.user) == f"{FOREIGN}{line}\n"


def test_a_cron_line_whose_answer_was_lost_is_not_added_twice(whm, world):
    hosting = world.hosting()
    job = world.sell(hosting)
    whm.quirks.cut_after("Cron::add_line")
    world.work()
    world.work_later(10)
    assert world.job(job).state == "dropped", world.status(job)
    assert whm.engine.crontab(hosting.user).count(job.id) == 1


@pytest.mark.sampled(of=2, rests=True)
def test_an_account_that_is_removed_while_its_job_is_prepared_is_missed(whm, world):
    hosting = world.hosting()
    job = world.sell(hosting)
    whm.quirks.cut_before("Mysql::set_privileges_on_database")
    whm.quirks.cut_before("Mysql::get_privileges_on_database")
    for number in (1, 2, 3):
        whm.quirks.cut_before("Mysql::get_privileges_on_database", number)
    world.work()
    assert world.job(job).state == "preparing", world.status(job)
    whm.remove(hosting.user)
    assert hosting.user in failed(world, job, "account_missing", seconds=120)
    world.quiet(whm.add_account(hosting.user, hosting.domain, owner=world.owner))
    goes_on(world, job)


@pytest.mark.sampled(of=2, rests=True)
def test_an_account_that_is_removed_while_its_agent_is_waited_for_is_prepared_anew_when_it_is_back(whm, world):
    hosting = world.hosting()
    job = world.sell(hosting)
    world.work()
    assert world.job(job).state == "dropped", world.status(job)
    whm.remove(hosting.user)
    world.work_later(400, stride=20)
    found = world.status(job)
    assert (found["state"], found["error"]["code"]) == ("stalled", "account_missing"), found
    world.quiet(whm.add_account(hosting.user, hosting.domain, owner=world.owner))
    goes_on(world, job)
    assert whm.account(hosting.user).grants


def lose_database(whm, hosting):
    hosting.databases.clear()


def lose_user(whm, hosting):
    hosting.database_users.clear()


def lose_privileges(whm, hosting):
    hosting.grants.clear()


def lose_cron_line(whm, hosting):
    whm.engine.write_crontab(hosting.user, FOREIGN)


def lose_job_file(whm, hosting):
    (Path(hosting.home) / ".shoplaunch" / "job").unlink()


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize(
    ("lose", "named"),
    [
        (lose_database, "the database "), (lose_user, "the database user "), (lose_privileges, "the privileges of "),
        (lose_cron_line, "the cron line"), (lose_job_file, "job"),
    ],
)  # fmt: skip
def test_what_the_panel_said_was_done_and_does_not_show_is_named(whm, world, lose, named):
    hosting = world.hosting()
    job = world.sell(hosting)
    world.work()
    assert world.job(job).state == "dropped", world.status(job)
    panel = world.server_panel()
    account = panel.find_account(hosting.user)
    prepared = Prepared(*panel.database_names(account), cron_line(job.id), agent_files(world.config.agent))
    panel.verify_prepared(account, prepared)
    lose(whm, hosting)
    with pytest.raises(ShoplaunchError, match=named) as caught:
        panel.verify_prepared(account, prepared)
    assert caught.value.code == "panel_unverified"
    assert caught.value.retryable


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("language", ["en", "fa"])
def test_a_home_that_its_owner_closed_is_named_and_opened_again_the_job_goes_on(whm, world, language):
    whm.quirks.language = language
    hosting = world.hosting()
    Path(hosting.home).chmod(0o000)
    job = world.sell(hosting)
    assert hosting.home in failed(world, job, "home_closed")
    Path(hosting.home).chmod(0o711)
    goes_on(world, job)


@pytest.mark.sampled(of=2, rests=True)
def test_a_home_that_is_closed_later_ends_the_waiting_and_keeps_no_domain(world):
    hosting = world.hosting()
    job = world.sell(hosting)
    world.work()
    assert world.job(job).state == "dropped"
    Path(hosting.home).chmod(0o000)
    world.work_later(3600, stride=300)
    found = world.job(job)
    assert (found.state, found.error["code"]) == ("stalled", "home_closed")
    world.service.jobs.cancel(job.id)
    world.work_later(25 * 3600, stride=3600)
    found = world.job(job)
    assert (found.facts["undo"], found.domain_key, found.error["code"]) == ("done", None, "cancelled_kept")
    Path(hosting.home).chmod(0o711)
    again = world.sell(hosting)
    world.work()
    assert world.job(again).state == "dropped", world.status(again)
