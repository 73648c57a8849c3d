"""The WHM double is as strict as the reference: transport, rights, envelopes, accounts."""

import json
import re
import time

import pytest
import requests

from tests.fakes.whm import Quirks
from tests.fakes.whm.state import INITIAL_ACLS
from tests.integration.cpanel.whm_client import Client

pytestmark = pytest.mark.root
STRONG = "aB3$aB3$aB3$aB3$aB3$aB3$"


def expect_violation(whm, words):
    """The double has noticed; the test goes on without it."""
    assert any(words in violation for violation in whm.violations), whm.violations
    whm.violations.clear()


def test_good_answers_have_metadata_and_data(client):
    answer = client.whm1("myprivs")
    assert answer["metadata"] == {"version": 1, "command": "myprivs", "reason": "OK", "result": 1}
    assert answer["data"]["privileges"][0]["all"] == 1


def test_without_api_version_the_answer_has_the_older_shape(whm, client):
    account = whm.add_account()
    answer = client.raw("/json-api/accountsummary", user=account.user).json()
    assert (answer["status"], answer["statusmsg"], answer["acct"][0]["user"]) == (1, "Ok", account.user)
    answer = client.raw("/json-api/accountsummary", user="nobodyhere").json()
    assert answer == {"status": 0, "statusmsg": "Account does not exist", "acct": None}
    user = whm.new_user()
    answer = client.raw("/json-api/createacct", username=user, domain=f"{user}.test").json()
    assert (answer["result"][0]["status"], answer["result"][0]["statusmsg"]) == (1, "Account Creation Ok")


def test_a_wrong_token_is_refused_in_three_ways_in_turn(whm):
    wrong = Client(whm, secret="wrong")
    answers = [wrong.raw("/json-api/myprivs", **{"api.version": "1"}) for _ in range(3)]
    assert sorted(answer.status_code for answer in answers) == [200, 401, 403]
    for answer in answers:
        if answer.status_code == 403:
            assert answer.json()["cpanelresult"]["error"] == "Access denied"
        else:
            assert answer.text.startswith("<!DOCTYPE html>")
            assert "<title>WHM Login</title>" in answer.text
    assert {call.outcome for call in whm.calls.all} == {"auth"}


def test_too_many_refused_logins_lock_the_address_out(whm, client):
    whm.quirks.lockout_after = 3
    whm.quirks.auth_forms = ("401",)
    for _ in range(3):
        Client(whm, secret="wrong").raw("/json-api/myprivs")
    assert client.raw("/json-api/myprivs").status_code == 401
    whm.unlock()
    assert client.raw("/json-api/myprivs").status_code == 200


def test_unknown_functions_and_parameters_are_refused(whm, client):
    assert client.reason("nope") == 'Unknown app ("nope") requested for this version (1) of the API.'
    assert client.reason("Accountsummary").startswith("Unknown app")
    assert "username" in client.reason("createacct", domain="x.test")
    client.reason("accountsummary", user="x", colour="red")
    expect_violation(whm, "'colour'")


@pytest.mark.parametrize("name", ["password", "content", "pass", "token"])
def test_secrets_in_an_address_are_a_violation(whm, client, name):
    client.raw("/json-api/createacct", method="GET", **{name: "x"})
    expect_violation(whm, repr(name))


def test_what_was_a_secret_is_one_in_every_address(whm, client):
    account = whm.add_account()
    client.data(account.user, "Mysql", "create_user", name=f"{account.user}_a", password=STRONG)
    client.raw("/json-api/listaccts", method="GET", **{"api.version": "1", "search": STRONG})
    expect_violation(whm, "a secret is in the address")
    client.raw(f"/json-api/{whm.root_token}", method="GET")
    expect_violation(whm, "a secret is in the address")


def test_a_batch_with_a_secret_in_the_address_is_a_violation(whm, client):
    client.raw("/json-api/batch", method="GET", **{"api.version": "1", "command": "createacct?password=x"})
    expect_violation(whm, "batch command")


def test_a_certificate_of_another_authority_is_not_accepted(whm):
    with pytest.raises(requests.exceptions.SSLError):
        session = requests.Session()
        session.trust_env = False
        session.get(whm.url)


def test_missing_rights_are_reported_in_three_wordings(whm):
    client = Client(whm, secret=whm.token("root", ["list-accts"]))
    reasons = {client.reason("accountsummary", user="x") for _ in range(3)}
    words = ("Access denied", "Permission denied", "You do not have permission")
    assert len(reasons) == 3
    assert all(any(word in reason for reason in reasons) for word in words)


@pytest.mark.parametrize(("kind", "yes", "no"), [("int", 1, 0), ("str", "1", ""), ("missing", 1, None)])
def test_privileges_come_in_several_types(whm, kind, yes, no):
    whm.quirks = Quirks(booleans=kind)
    client = Client(whm, secret=whm.token("root", INITIAL_ACLS))
    privileges = client.whm1("myprivs")["data"]["privileges"]
    assert len(privileges) == 1
    assert privileges[0]["cpanel-api"] == yes
    assert privileges[0].get("create-user-session") == no


def test_an_account_is_made_for_real_once(whm, client):
    user = whm.new_user()
    made = client.whm1("createacct", username=user, domain=f"{user}.test", password=STRONG, contactemail="o@x.test")
    assert made["metadata"]["reason"] == "Account Creation Ok"
    assert STRONG in made["metadata"]["output"]["raw"]
    assert set(made["data"]) >= {"ip", "package", "nameserver", "nameserver2"}
    row = client.whm1("accountsummary", user=user)["data"]["acct"][0]
    assert (row["domain"], row["owner"], row["plan"], row["partition"]) == (f"{user}.test", "root", "default", "home")
    assert (row["suspended"], row["suspendreason"], row["ip"]) == (0, "not suspended", whm.ip)
    assert whm.server.get(f"{user}.test", "/none")[0] == 404
    assert "already has an account named" in client.reason("createacct", username=user, domain="other.test")
    other = whm.new_user()
    domain_taken = client.reason("createacct", username=other, domain=f"{user}.test")
    assert re.fullmatch(r"\(XID \w{6}\) The domain “\S+” already exists in the Apache configuration\.", domain_taken)
    assert "is a reserved username" in client.reason("createacct", username="daemon", domain="x.test")
    weak = client.reason("createacct", username=other, domain="x.test", password="weak")
    assert "strength rating of 65 or higher" in weak
    for name in ("1abc", "testabc", "a" * 17, "a_b"):
        assert name in client.reason("createacct", username=name, domain="x.test")
    hidden = client.whm1("createacct", username=other, domain=f"{other}.test", password=STRONG, showpass="n")
    assert STRONG not in json.dumps(hidden)


def test_first_characters_may_have_to_be_unique(whm, client):
    account = whm.add_account()
    whm.quirks.unique_initial = 8
    reason = client.reason("createacct", username=account.user[:8] + "zz", domain="x.test")
    assert "same initial 8 characters" in reason


def test_an_account_is_removed_with_all_it_has(whm, client):
    account = whm.add_account()
    name = f"{account.user}_shop"
    client.data(account.user, "Mysql", "create_database", name=name)
    client.data(account.user, "Mysql", "create_user", name=name, password=STRONG)
    assert client.whm1("removeacct", username=account.user)["metadata"]["reason"] == f"{account.user} account removed"
    assert not whm.server.query("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", name)
    assert not whm.server.query("SELECT 1 FROM mysql.user WHERE User = %s", name)
    assert client.reason("accountsummary", user=account.user) == "Account does not exist"
    assert client.reason("removeacct", username=account.user) == f"System user {account.user} does not exist!"


def test_a_reseller_sees_its_own_accounts_alone(whm, client):
    name, token = whm.reseller()
    reseller = Client(whm, name, token)
    foreign = whm.add_account()
    own = whm.new_user()
    assert reseller.whm1("createacct", username=own, domain=f"{own}.test")["metadata"]["result"] == 1
    assert {row["user"] for row in reseller.whm1("listaccts")["data"]["acct"]} == {name, own}
    assert client.whm1("accountsummary", user=own)["data"]["acct"][0]["owner"] == name
    texts = {reseller.reason("accountsummary", user=foreign.user) for _ in range(2)}
    assert len(texts) == 2
    shape = rf"API failure: \(XID [a-z0-9]{{6}}\) You do not have a user named “{foreign.user}”\."
    assert all(re.fullmatch(shape, text) for text in texts)
    call = {"cpanel.user": foreign.user, "cpanel.module": "Mysql", "cpanel.function": "list_databases"}
    assert "You do not have a user named" in reseller.reason("uapi_cpanel", **call)
    denied = reseller.api2(foreign.user, "Cron", "listcron", version="1")
    assert (denied["metadata"]["result"], denied["metadata"]["reason"]) == (
        0, f"You do not have access to an account named “{foreign.user}”.",
    )  # fmt: skip
    assert "You do not have a user named" in reseller.reason("removeacct", username=foreign.user)


def test_packages_are_those_the_caller_may_use(whm, client):
    name, token = whm.reseller()
    whm.add_package(f"{name}_shop", owner=name, maxsql=1)
    whm.add_package("other_shop", owner="other")
    rows = {row["name"]: row for row in Client(whm, name, token).whm1("listpkgs")["data"]["pkg"]}
    assert set(rows) == {"default", f"{name}_shop"}
    assert (rows["default"]["MAXSQL"], rows[f"{name}_shop"]["MAXSQL"], rows["default"]["CGI"]) == (
        "unlimited",
        "1",
        "y",
    )
    whm.quirks.packages = "wobbling"
    row = client.whm1("listpkgs")["data"]["pkg"][0]
    assert (row["MAXSQL"], row["CGI"], row["HASSHELL"]) == (None, 1, 0)
    reason = Client(whm, name, token).reason("createacct", username=whm.new_user(), domain="x.test", plan="other_shop")
    assert "other_shop" in reason
    del whm.state.packages["other_shop"]


@pytest.mark.parametrize("owner", ["root", "reseller"])
def test_new_accounts_are_born_from_the_skeleton_of_root_or_reseller(whm, client, owner):
    name, token = whm.reseller()
    for who, content in (("root", "root"), (name, "reseller")):
        folder = whm.skeleton(who) / ".mark"
        folder.mkdir(mode=0o700)
        (folder / "whose").write_text(content)
        (folder / "whose").chmod(0o640)
    try:
        user = whm.new_user()
        caller = client if owner == "root" else Client(whm, name, token)
        caller.whm1("createacct", username=user, domain=f"{user}.test")
        found = client.data(user, "Fileman", "get_file_content", dir=".mark", file="whose")
        assert found["content"] == owner
        row = client.data(user, "Fileman", "get_file_information", path=".mark/whose")
        assert (row["nicemode"], row["exists"]) == ("0640", 1)
    finally:
        (whm.skeleton() / ".mark" / "whose").unlink()
        (whm.skeleton() / ".mark").rmdir()


def test_a_suspended_account_says_so_and_its_calls_work_or_fail(whm, client):
    account = whm.add_account()
    client.whm1("suspendacct", user=account.user, reason="unpaid")
    row = client.whm1("accountsummary", user=account.user)["data"]["acct"][0]
    assert (row["suspended"], row["suspendreason"]) == (1, "unpaid")
    assert row["suspendtime"] > 0
    client.data(account.user, "Mysql", "list_databases")
    whm.quirks.suspended_calls = "fail"
    client.error(account.user, "Mysql", "list_databases")
    whm.unsuspend(account.user)
    client.data(account.user, "Mysql", "list_databases")


def test_an_account_can_be_renamed_by_somebody_else(whm, client):
    account = whm.add_account()
    old, new = account.user, whm.new_user()
    client.data(old, "Fileman", "save_file_content", file="kept", content="x")
    whm.rename(old, new)
    assert client.reason("accountsummary", user=old) == "Account does not exist"
    assert client.data(new, "Fileman", "get_file_content", file="kept")["content"] == "x"
    assert client.data(new, "DomainInfo", "domains_data")["main_domain"]["homedir"].endswith(f"/{new}")


@pytest.mark.parametrize("base", ["home", "home2"])
def test_home_and_document_root_are_where_domaininfo_says(whm, client, base):
    whm.quirks.home_base = base
    whm.quirks.document_root = "public_html/shop" if base == "home2" else "public_html"
    account = whm.add_account()
    row = client.data(account.user, "DomainInfo", "single_domain_data", domain=account.domain)
    assert row["homedir"] == f"{whm.server.directory}/{base}/{account.user}"
    assert row["documentroot"] == f"{row['homedir']}/{whm.quirks.document_root}"
    assert row["type"] == "main_domain"
    client.data(account.user, "Fileman", "save_file_content", dir=row["documentroot"], file="x.txt", content="here")
    assert whm.server.get(account.domain, "/x.txt") == (200, b"here")
    listed = client.data(account.user, "DomainInfo", "domains_data", format="list")
    assert client.data(account.user, "DomainInfo", "domains_data")["main_domain"] == listed[0] == row
    client.error(account.user, "DomainInfo", "single_domain_data", domain="other.test")


def test_sessions_and_tokens(whm, client):
    account = whm.add_account()
    session = client.whm1("create_user_session", user=account.user, service="cpaneld")["data"]
    assert set(session) == {"cp_security_token", "expires", "service", "session", "url"}
    made = client.whm1("api_token_create", token_name="small", **{"acl-0": "list-accts", "acl-1": "acct-summary"})
    small = Client(whm, secret=made["data"]["token"])
    assert small.whm1("listaccts")["metadata"]["result"] == 1
    small.reason("create_user_session", user=account.user, service="cpaneld")
    whm.revoke(made["data"]["token"])
    assert small.raw("/json-api/listaccts").status_code in (200, 401, 403)
    assert whm.calls.all[-1].outcome == "auth"


def test_a_batch_carries_out_several_calls(whm, client):
    account = whm.add_account()
    answer = client.whm1("batch", command=[f"accountsummary?user={account.user}", "nope", "myprivs"])
    assert [one["metadata"]["result"] for one in answer["data"]["result"]] == [1, 0, 1]
    answer = client.whm1("batch", abort_on_error="1", command=["nope", "myprivs"])
    assert len(answer["data"]["result"]) == 1


def test_a_connection_cut_after_the_change_leaves_the_change(whm, client):
    account = whm.add_account()
    name = f"{account.user}_a"
    whm.quirks.cut_after("Mysql::create_database")
    with pytest.raises(requests.ConnectionError):
        client.uapi(account.user, "Mysql", "create_database", name=name)
    assert [row["database"] for row in client.data(account.user, "Mysql", "list_databases")] == [name]
    assert whm.calls.of("Mysql::create_database")[0].outcome == "cut"
    whm.quirks.cut_before("Mysql::create_database")
    with pytest.raises(requests.ConnectionError):
        client.uapi(account.user, "Mysql", "create_database", name=name + "b")
    assert len(client.data(account.user, "Mysql", "list_databases")) == 1


def test_every_first_change_can_be_cut(whm, client):
    account = whm.add_account()
    whm.quirks.cut_first_of_each_change = True
    assert client.data(account.user, "Mysql", "list_databases") == []
    with pytest.raises(requests.ConnectionError):
        client.uapi(account.user, "Mysql", "create_database", name=f"{account.user}_a")
    client.data(account.user, "Mysql", "create_database", name=f"{account.user}_b")
    with pytest.raises(requests.ConnectionError):
        client.api2(account.user, "Fileman", "mkdir", name="x")


def test_answers_can_be_late_and_servers_fail(whm, client):
    account = whm.add_account()
    whm.quirks.slow["accountsummary"] = 1.0
    begin = time.monotonic()
    client.whm1("accountsummary", user=account.user)
    assert time.monotonic() - begin >= 1.0
    whm.quirks.server_error["Mysql::list_databases"] = 1
    call = {"cpanel.user": account.user, "cpanel.module": "Mysql", "cpanel.function": "list_databases"}
    failed = client.raw("/json-api/uapi_cpanel", **{"api.version": "1"}, **call)
    assert (failed.status_code, "exited with status 1" in failed.text) == (500, True)
    assert client.data(account.user, "Mysql", "list_databases") == []


def test_calls_are_recorded_with_their_order(whm, client):
    account = whm.add_account()
    client.whm1("accountsummary", user=account.user)
    client.data(account.user, "Mysql", "list_databases")
    client.raw("/json-api/listaccts", method="GET", **{"api.version": "1"})
    first, second, third = whm.calls.all
    assert (first.function, second.function, third.function) == (
        "accountsummary", "Mysql::list_databases", "listaccts",
    )  # fmt: skip
    assert (second.account, second.caller, third.method) == (account.user, "root", "GET")
    assert third.query_names == ("api.version",)
    assert (whm.calls.round_trips(), whm.calls.max_in_flight) == (3, 1)


def test_calls_side_by_side_count_as_one_round(whm, client):
    from concurrent.futures import ThreadPoolExecutor

    whm.quirks.slow["*"] = 5
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: Client(whm).whm1("myprivs"), range(4)))
    assert whm.calls.max_in_flight == 4
    assert whm.calls.round_trips() == 1


def test_whm_does_not_answer_on_the_accounts_port_nor_the_other_way_round(whm, client):
    account = whm.add_account()
    assert client.raw("/json-api/listaccts", base=whm.cpanel_url).status_code in (200, 401, 403)
    assert whm.calls.all[-1].outcome == "auth"
    own = {"Authorization": f"cpanel {account.user}:{whm.cpanel_token(account.user)}"}
    answer = client.raw("/execute/Mysql/get_restrictions", base=whm.cpanel_url, headers=own).json()
    assert answer["data"]["prefix"] == f"{account.user}_"
    client.raw("/json-api/listaccts", base=whm.cpanel_url, headers=own)
    expect_violation(whm, "wrong port")


def test_an_account_may_be_treated_in_a_way_of_its_own(whm, client):
    usual, own = (whm.add_account(quirks=quirks).user for quirks in (None, Quirks(prefix="none", refuse_token=False)))
    prefixes = [client.data(user, "Mysql", "get_restrictions")["prefix"] for user in (usual, own)]
    assert prefixes == [f"{usual}_", None]
    whm.give_habits(own, Quirks(cuts={"Mysql::list_users": {2}}))
    assert client.data(own, "Mysql", "list_users") == client.data(usual, "Mysql", "list_users") == []
    assert client.data(usual, "Mysql", "list_users") == []
    with pytest.raises(requests.ConnectionError):
        client.data(own, "Mysql", "list_users")
    assert [call.account for call in whm.calls.all if call.outcome == "cut"] == [own]
