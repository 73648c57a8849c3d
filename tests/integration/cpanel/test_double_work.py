"""The WHM double does an account's work for real and refuses in the reference's words: databases and files."""

import pytest

from tests.fakes.whm import Quirks
from tests.fakes.whm.uapi.mysql import GRANTABLE
from tests.integration.cpanel.whm_client import JOB, crontab
from tests.support.servers.local_server import as_user

pytestmark = pytest.mark.root
STRONG = "aB3$aB3$aB3$aB3$aB3$aB3$"


@pytest.fixture
def rid_of_packages(whm):
    """Packages made by a test go again."""
    before = dict(whm.state.packages)
    yield
    whm.state.packages = before


# -- databases -------------------------------------------------------------------------------------------------------


def test_restrictions_name_the_prefix(whm, client, user):
    expected = {"account": f"{user}_", "short": f"{user[:8]}_", "sixteen": f"{user[:16]}_", "none": None}
    for rule, prefix in expected.items():
        whm.quirks.prefix = rule
        found = client.data(user, "Mysql", "get_restrictions")
        assert found == {"prefix": prefix, "max_database_name_length": 64, "max_username_length": 47}


def test_the_prefix_is_demanded_and_never_added(client, user):
    text = client.error(user, "Mysql", "create_database", name="shop")
    assert text == f"The name “shop” does not begin with the required prefix “{user}_”."
    assert "required prefix" in client.error(user, "Mysql", "create_user", name="shop", password=STRONG)
    assert client.data(user, "Mysql", "list_databases") == client.data(user, "Mysql", "list_users") == []


def test_databases_users_and_privileges_work_on_the_real_server(whm, client, user):
    name = f"{user}_shop"
    assert client.data(user, "Mysql", "create_database", name=name) is None
    assert client.data(user, "Mysql", "create_user", name=name, password=STRONG) is None
    assert client.data(user, "Mysql", "get_privileges_on_database", database=name, user=name) == []
    assert not whm.engine.logs_in(name, STRONG, name)
    grant = {"database": name, "user": name}
    client.data(user, "Mysql", "set_privileges_on_database", privileges="ALL PRIVILEGES", **grant)
    assert client.data(user, "Mysql", "get_privileges_on_database", **grant) == sorted(GRANTABLE)
    assert whm.engine.logs_in(name, STRONG, name)
    assert client.data(user, "Mysql", "list_databases") == [{"database": name, "disk_usage": 0, "users": [name]}]
    assert client.data(user, "Mysql", "list_users") == [{"user": name, "shortuser": "shop", "databases": [name]}]
    client.data(user, "Mysql", "set_privileges_on_database", privileges="SELECT,INSERT", **grant)
    assert client.data(user, "Mysql", "get_privileges_on_database", **grant) == ["INSERT", "SELECT"]
    assert client.data(user, "Mysql", "set_password", user=name, password=STRONG + "x") == {"failures": []}
    assert (whm.engine.logs_in(name, STRONG), whm.engine.logs_in(name, STRONG + "x")) == (False, True)
    client.data(user, "Mysql", "revoke_access_to_database", **grant)
    assert not whm.engine.logs_in(name, STRONG + "x", name)
    client.data(user, "Mysql", "delete_user", name=name)
    client.data(user, "Mysql", "delete_database", name=name)
    assert client.data(user, "Mysql", "list_databases") == client.data(user, "Mysql", "list_users") == []
    client.error(user, "Mysql", "delete_database", name=name)
    client.error(user, "Mysql", "delete_user", name=name)
    client.error(user, "Mysql", "set_privileges_on_database", privileges="SELECT", **grant)


def test_what_exists_is_refused_in_changing_words(whm, client, user):
    name = f"{user}_shop"
    client.data(user, "Mysql", "create_database", name=name)
    client.data(user, "Mysql", "create_user", name=name, password=STRONG)
    texts = set()
    for quotes in ("curly", "straight", "guillemets"):
        for language in ("en", "de", "fa"):
            whm.quirks = Quirks(quotes=quotes, language=language)
            texts.add(client.error(user, "Mysql", "create_database", name=name))
            texts.add(client.error(user, "Mysql", "create_user", name=name, password=STRONG))
    assert len(texts) == 18
    assert f"The database “{name}” already exists." in texts
    assert f"The user “{name}” cannot be created because it already exists." in texts


def test_weak_passwords_and_long_names_are_refused(whm, client, user):
    assert "strength rating of 65 or higher" in client.error(
        user, "Mysql", "create_user", name=f"{user}_a", password="weak"
    )
    assert client.data(user, "PasswdStrength", "get_required_strength", app="mysql") == {"strength": 65}
    whm.quirks.max_username_length = 16
    client.error(user, "Mysql", "create_user", name=f"{user}_abc", password=STRONG)
    client.data(user, "Mysql", "create_user", name=f"{user}_ab", password=STRONG)
    # Every underscore counts twice: 13 + 2 + 49 = 64
    client.data(user, "Mysql", "create_database", name=f"{user}_{'d' * 49}")
    client.error(user, "Mysql", "create_database", name=f"{user}_{'d' * 48}_e")


def test_a_package_limits_databases_and_features(whm, client, rid_of_packages):
    whm.add_package("one", maxsql=1)
    whm.add_package("bare", features_off=("mysql", "cron", "multiphp", "autossl"))
    one, bare = whm.add_account(plan="one").user, whm.add_account(plan="bare").user
    client.data(one, "Mysql", "create_database", name=f"{one}_a")
    text = client.error(one, "Mysql", "create_database", name=f"{one}_b")
    assert text == "You have reached your maximum allotment of databases (1)."
    assert client.whm1("accountsummary", user=one)["data"]["acct"][0]["maxsql"] == "1"
    assert client.error(bare, "Mysql", "list_databases") == "You do not have the feature “mysql”."
    assert client.error(bare, "Features", "has_feature", name="autossl") == (
        "The feature “autossl” exists but is not enabled."
    )
    assert client.uapi(bare, "Features", "has_feature", name="nonsense")["data"] is None
    assert client.data(bare, "Features", "list_features")["mysql"] == 0
    client.error(bare, "LangPHP", "php_get_installed_versions")
    for refusal in ("both", "error", "event"):
        whm.quirks.api2_refusal = refusal
        answer = client.api2(bare, "Cron", "add_line", **JOB)["cpanelresult"]
        assert answer["data"] == []
        assert ("error" in answer, answer["event"]["result"]) == (refusal != "event", 1 if refusal == "error" else 0)
    assert crontab(bare) == ""


def test_without_the_mysql_role_the_whole_module_fails(whm, client, user):
    whm.quirks.mysql_role = False
    client.error(user, "Mysql", "get_restrictions")


# -- UAPI ------------------------------------------------------------------------------------------------------------


def test_there_is_no_cron_and_nothing_unknown_in_uapi(whm, client, user):
    assert client.error(user, "Cron", "add_line").startswith('Failed to load module "Cpanel::API::Cron"')
    assert client.error(user, "Mysql", "nope") == 'The function "nope" does not exist in module "Mysql".'
    for name in ("mkdir", "chmod", "delete_files"):
        assert "does not exist" in client.error(user, "Fileman", name)
    client.error(user, "Mysql", "create_database", name=f"{user}_a", colour="red")
    assert whm.violations == ["Mysql::create_database does not know the parameter 'colour'"]
    whm.violations.clear()


def test_uapi_through_the_old_door_is_wrapped_in_result(whm, client, user):
    call = {"cpanel_jsonapi_user": user, "cpanel_jsonapi_apiversion": "3"}
    call.update(cpanel_jsonapi_module="Mysql", cpanel_jsonapi_func="list_databases")
    answer = client.raw("/json-api/cpanel", **call).json()
    assert (answer["apiversion"], answer["func"], answer["result"]["data"]) == (3, "list_databases", [])


def test_numbers_and_metadata_vary(whm, client, user):
    whm.quirks = Quirks(numbers="str", transformed=True)
    inner = client.uapi(user, "Mysql", "get_restrictions")
    assert (inner["data"]["max_database_name_length"], inner["metadata"]) == ("64", {"transformed": 1})


def test_what_is_known_about_an_account(client, user, whm):
    about = client.data(user, "Variables", "get_user_information")
    assert (about["home"], about["plan"]) == (whm.account(user).home, "default")
    assert client.data(user, "Quota", "get_quota_info")["under_quota_overall"] == 1
    stats = client.data(user, "StatsBar", "get_stats", display="mysqldatabases|phpversion")
    assert [row["id"] for row in stats] == ["mysqldatabases", "phpversion"]
    assert {row["id"] for row in client.data(user, "ResourceUsage", "get_usages")} == {"disk_usage", "mysql_databases"}
    assert client.data(user, "Mysql", "get_server_information")["host"] == "localhost"


# -- files -----------------------------------------------------------------------------------------------------------


def test_text_files_are_written_and_read_as_the_account(whm, client, user):
    account = whm.account(user)
    client.rows(user, "Fileman", "mkdir", path=account.home, name=".job", permissions="0700")
    saved = client.data(user, "Fileman", "save_file_content", dir=".job", file="job.json", content="سلام")
    assert saved == {"from_charset": "UTF-8", "path": f"{account.home}/.job/job.json", "to_charset": "UTF-8"}
    utf8 = {"from_charset": "utf-8", "to_charset": "utf-8", "update_html_document_encoding": "0"}
    read = client.data(user, "Fileman", "get_file_content", dir=f"{account.home}/.job", file="job.json", **utf8)
    assert read["content"] == "سلام"
    assert client.data(user, "Fileman", "get_file_content", dir=".job", file="job.json")["content"] != "سلام"
    assert as_user(user, "stat", "-c", "%U %a", saved["path"]).stdout.decode().split() == [user, "644"]
    row = client.rows(user, "Fileman", "fileop", op="chmod", sourcefiles=saved["path"], metadata="0600")[0]
    assert row == {"src": saved["path"], "dest": saved["path"], "result": 1}
    client.data(user, "Fileman", "save_file_content", dir=".job", file="job.json", content="again")
    listed = client.data(user, "Fileman", "list_files", dir=".job", show_hidden="1")
    assert [(one["file"], one["nicemode"], one["size"]) for one in listed] == [("job.json", "0600", 5)]


def test_what_is_no_text_is_lost_or_refused(client, user):
    binary = "a\udcff\udcfeb"
    body = {"cpanel.user": user, "cpanel.module": "Fileman", "cpanel.function": "save_file_content", "file": "b"}
    pairs = {"api.version": "1", **body, "content": binary.encode("utf-8", "surrogateescape")}
    assert client.raw("/json-api/uapi_cpanel", **pairs).json()["data"]["uapi"]["status"] == 1
    assert client.data(user, "Fileman", "get_file_content", file="b")["content"] == "a??b"
    pairs["fallback"] = "0"
    assert client.raw("/json-api/uapi_cpanel", **pairs).json()["data"]["uapi"]["status"] == 0


def test_missing_files_and_folders_are_reported(whm, client, user):
    assert "No such file or directory" in client.error(user, "Fileman", "get_file_content", file="none")
    assert "No such file or directory" in client.error(user, "Fileman", "save_file_content", dir="no", file="x")
    client.error(user, "Fileman", "list_files", dir="no")
    assert client.data(user, "Fileman", "get_file_information", path="none")["exists"] == 0
    home = whm.account(user).home
    answer = client.api2(user, "Fileman", "fileop", op="copy", sourcefiles="none", destfiles="x")["cpanelresult"]
    assert (answer["error"], answer["event"]) == ("No such file or directory", {"result": 1})
    assert answer["data"] == [
        {"src": f"{home}/none", "dest": f"{home}/x", "result": 0, "err": "No such file or directory"}
    ]
    client.error(user, "Fileman", "save_file_content", dir="/etc", file="x", content="x")


def test_files_are_copied_moved_and_removed(client, user, whm):
    client.data(user, "Fileman", "save_file_content", file="a", content="x")
    client.rows(user, "Fileman", "mkdir", name="d")
    for arguments in (
        {"op": "copy", "sourcefiles": "a", "destfiles": "d/b"},
        {"op": "rename", "sourcefiles": "a", "destfiles": "c"},
        {"op": "link", "sourcefiles": "c", "destfiles": "l"},
    ):
        assert client.rows(user, "Fileman", "fileop", **arguments)[0]["result"] == 1
    rows = client.data(user, "Fileman", "list_files")
    assert {row["file"]: row["type"] for row in rows if row["file"] in "acdl"} == {"c": "file", "d": "dir", "l": "link"}
    whm.quirks.unlink_recursive = False
    assert client.rows(user, "Fileman", "fileop", op="unlink", sourcefiles="d")[0]["result"] == 0
    whm.quirks.unlink_recursive = True
    assert [row["result"] for row in client.rows(user, "Fileman", "fileop", op="unlink", sourcefiles="d,c,l")] == [
        1
    ] * 3
    whm.quirks.file_lists = "dirs_files"
    assert set(client.data(user, "Fileman", "list_files")) == {"dirs", "files"}


def test_a_full_quota_stops_files_and_databases(whm, client, user):
    whm.account(user).quota_full = True
    assert "Disk quota exceeded" in client.error(user, "Fileman", "save_file_content", file="x", content="x")
    assert "Disk quota exceeded" in client.api2(user, "Fileman", "mkdir", name="x")["cpanelresult"]["error"]
    assert client.data(user, "Quota", "get_quota_info")["under_quota_overall"] == 0


@pytest.mark.sampled(of=2, rests=True)
def test_binary_files_come_in_by_the_accounts_own_door_alone(whm, client, user):
    client.error(user, "Fileman", "upload_files", dir="")
    own = {"Authorization": f"cpanel {user}:{whm.cpanel_token(user)}"}
    session = client._session
    send = lambda **data: session.post(  # noqa: E731
        f"{whm.cpanel_url}/execute/Fileman/upload_files",
        headers=own, data=data, files={"file-1": ("b.bin", b"\xff\0\xfe")}, timeout=120,
    ).json()  # fmt: skip
    answer = send(dir="no")
    assert (answer["status"], answer["data"]["failed"]) == (1, 1)
    answer = send(dir="")
    assert (answer["data"]["succeeded"], answer["data"]["uploads"][0]["file"]) == (1, "b.bin")
    assert as_user(user, "cat", f"{whm.account(user).home}/b.bin").stdout == b"\xff\0\xfe"
    assert send(dir="")["data"]["failed"] == 1
    assert send(dir="", overwrite="1")["data"]["succeeded"] == 1
