"""`config check` reports every problem at once, with its place, and with no value."""

import pytest

from controller.settings.loading import load_config
from controller.settings.sections import SETTINGS_VERSION
from controller.setup.settings_check import findings
from shared.errors import ShoplaunchError

EVERYTHING = """\
publik_url = "https://x.example"
operator = "o@example.com"
job_hours = "s3cret"
bind = "nowhere"
[mail]
hots = "x"
port = "s3cret"
user = "u"
[engine]
kind = "celery"
[retention]
audit = -1
[local]
http_prt = 80
home_base = "home"
[whmcs]
url = "http://b.example"
[whmcs.Second]
urll = "https://b.example"
"""


def test_every_problem_is_reported_at_once(surveyed):
    found = {one.setting: one.message for one in findings(surveyed(EVERYTHING))}
    assert set(found) == {
        "publik_url", "operator", "job_hours", "bind", "mail.hots", "mail.port", "mail.user", "engine.kind",
        "retention.audit", "local.http_prt", "local.home_base", "whmcs.url",
        *(f"whmcs.{name}" for name in ("identifier", "secret_file", "department", "admin")),
        *(f"whmcs.Second.{name}" for name in ("url", "urll", "identifier", "secret_file", "department", "admin")),
    }  # fmt: skip
    assert "s3cret" not in str(found)
    assert "did you mean public_url?" in found["publik_url"]
    assert "did you mean [mail] operator?" in found["operator"]
    assert "did you mean http_port?" in found["local.http_prt"]
    assert "did you mean url?" in found["whmcs.Second.urll"]


def test_each_problem_says_where_the_value_stands(surveyed, tmp_path):
    found = surveyed("job_hours = 0", SHOPLAUNCH_MAIL__PORT="x", SHOPLAUNCH_PUBLIK_URL="x")
    assert {one.setting: one.place for one in findings(found)} == {
        "job_hours": str(tmp_path / "shoplaunch.toml"),
        "mail.port": "SHOPLAUNCH_MAIL__PORT",
        "publik_url": "SHOPLAUNCH_PUBLIK_URL",
    }


def test_what_stops_no_command_comes_last_and_says_so(surveyed):
    found = findings(surveyed("[local]\nhttp_prt = 1\n[retention]\naudit = -1", SHOPLAUNCH_MAIL__PASSWORD="x"))
    assert [(one.setting, one.essential) for one in found] == [
        ("retention.audit", True), ("mail.password", False), ("local.http_prt", False),
    ]  # fmt: skip
    assert "did you mean SHOPLAUNCH_MAIL__PASSWORD_FILE?" in found[1].message


STORE = '[bundle_store]\nendpoint = "https://s3.example"\n'
#: What contradicts -> the setting that is named.
CONTRADICTIONS = {
    "folder-and-host": ('[mail]\nfolder = "/tmp"\nhost = "h"', "mail.folder"),
    "driver-without-folder": ('[mail]\ndriver = "folder"', "mail.driver"),
    "user-without-password": ('[mail]\nuser = "u"', "mail.user"),
    "password-without-user": ('[mail]\npassword_file = "{here}/shoplaunch.toml"', "mail.password_file"),
    "celery-without-broker": ('database_url = "postgresql:///x"\n[engine]\nkind = "celery"', "engine.kind"),
    "celery-on-sqlite": ('[engine]\nkind = "celery"\nbroker_url = "redis://h"', "engine.kind"),
    "broker-without-celery": ('[engine]\nbroker_url = "redis://h"', "engine.kind"),
    "two-brokers": (
        '[engine]\nbroker_url = "redis://h"\nbroker_url_file = "{here}/shoplaunch.toml"', "engine.broker_url",
    ),
    "one-socket-for-two": ('bind = "unix:/run/x/s"\nagent_socket = "/run/x/s"', "agent_socket"),
    "one-key-for-two": (
        '[whmcs]\nkey = "a"\nurl = "https://b.example"\n[whmcs.a]\nurl = "https://b.example"', "whmcs",
    ),
    "store-without-bucket": (STORE + 'access_key = "a"\nsecret_key = "s"', "bundle_store.endpoint"),
    "store-without-key": (STORE + 'bucket = "b"\nsecret_key = "s"', "bundle_store.endpoint"),
    "store-without-secret": (STORE + 'bucket = "b"\naccess_key = "a"', "bundle_store.endpoint"),
    "store-with-two-secrets": (
        STORE + 'bucket = "b"\naccess_key = "a"\nsecret_key = "s"\nsecret_key_file = "{here}/shoplaunch.toml"',
        "bundle_store.endpoint",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_settings_that_contradict_each_other_are_named(surveyed, tmp_path, name):
    text, setting = CONTRADICTIONS[name]
    found = findings(surveyed(text.replace("{here}", str(tmp_path))))
    assert setting in [one.setting for one in found]


@pytest.mark.parametrize(
    ("url", "expected"),
    [("mysql://u:p@h/x", []), ("postgresql://h/x", [])]
    + [(url, [("engine.kind", False)]) for url in ("", "sqlite:////x.db")],
)
def test_a_broker_for_several_machines_wants_a_database_that_several_reach(surveyed, url, expected):
    text = f'database_url = "{url}"\n[engine]\nkind = "celery"\nbroker_url = "redis://h"\n'
    said = [one for one in findings(surveyed(text)) if "on one machine only" in one.message]
    assert [(one.setting, one.essential) for one in said] == expected


def test_a_setting_of_a_newer_version_is_said_to_be_one(surveyed, tmp_path):
    text = f"settings_version = {SETTINGS_VERSION + 1}\nlater = 1\njob_hours = 0\n"
    codes = {one.setting: one.code for one in findings(surveyed(text))}
    assert codes == {"later": "config_newer", "job_hours": "config_invalid"}
    (tmp_path / "shoplaunch.toml").write_text(text.replace("job_hours = 0", ""))
    with pytest.raises(ShoplaunchError, match="settings version") as caught:
        load_config({"SHOPLAUNCH_HOME": str(tmp_path)})
    assert caught.value.code == "config_newer"


def test_a_newer_file_whose_settings_are_all_known_is_used_and_noted(surveyed):
    survey = surveyed(f"settings_version = {SETTINGS_VERSION + 1}\njob_hours = 3\n")
    (one,) = findings(survey)
    assert (one.code, one.essential, survey.config.job_hours) == ("config_newer", False, 3)


def test_the_operators_language_is_one_that_alarms_are_written_in(surveyed):
    (one,) = findings(surveyed('[mail]\noperator_language = "de"'))
    assert one.setting == "mail.operator_language" and "must be one of en, fa" in one.message
    assert surveyed('[mail]\noperator_language = "fa"').config.mail.operator_language == "fa"


def test_files_that_settings_name_are_opened(surveyed, tmp_path):
    (tmp_path / "text").write_text("no certificate")
    text = f'tls_ca = "{tmp_path}/text"\nbackup_passphrase_file = "{tmp_path}/gone"\n'
    text += f'[mail]\nuser = "u"\npassword_file = "{tmp_path}/gone"\n'
    wrong = {"tls_ca", "backup_passphrase_file", "mail.password_file"}
    assert {one.setting for one in findings(surveyed(text))} == wrong


def test_files_that_every_user_can_read_are_named(surveyed, tmp_path):
    (tmp_path / "password").write_text("s3cret")
    (tmp_path / "url").write_text("sqlite://")
    text = f'[mail]\nuser = "u"\npassword_file = "{tmp_path}/password"\n'
    survey = surveyed(text, SHOPLAUNCH_DATABASE_URL_FILE=str(tmp_path / "url"))
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == tmp_path.owner() and "pytest" in str(folder):
            folder.chmod(0o711)
    for mode, wanted in ((0o644, {"password", "url"}), (0o640, set())):
        for name in ("password", "url"):
            (tmp_path / name).chmod(mode)
        assert {one.place.rpartition("/")[2] for one in findings(survey)} == wanted


def test_a_file_that_is_no_toml_is_one_problem_in_addition_to_those_of_variables(surveyed):
    found = surveyed("this is no toml", SHOPLAUNCH_JOB_HOURS="0")
    assert [one.fatal for one in found.problems] == [True, True]


@pytest.mark.parametrize(
    "text",
    ['[whmcs]\nadmin = "s3cret"\n[whmcs]\n', '[whmcs]\nkey = "s3cret"\nkey = "s3cret"\n'],
    ids=["section", "key"],
)
def test_what_stands_twice_in_the_file_is_named_with_its_line_and_stops_commands(surveyed, tmp_path, text):
    (one,) = findings(surveyed(text))
    assert one.essential and one.place == str(tmp_path / "shoplaunch.toml") and "line 3" in one.message
    assert "s3cret" not in one.message
