"""A value comes from a variable, a secret file, the settings file or is the default, and each says so."""

import subprocess
import sys

import pytest

from controller.billing.whmcs.settings import WhmcsSettings
from controller.panels.local.settings import LocalSettings
from controller.settings.loading import load_config
from controller.settings.table import rows
from shared.errors import ShoplaunchError


def problems(survey):
    return [one.message for one in survey.problems]


def test_a_variable_with_two_underscores_sets_what_stands_in_a_section(surveyed):
    found = surveyed(
        '[mail]\nhost = "file.example"\nsender = "s@example.com"',
        SHOPLAUNCH_MAIL__HOST="variable.example",
        SHOPLAUNCH_MAIL__PORT="587",
        SHOPLAUNCH_MAIL__STARTTLS="true",
        SHOPLAUNCH_RETENTION__AUDIT="0",
    )
    assert problems(found) == []
    mail = found.config.mail
    assert (mail.host, mail.port, mail.starttls, mail.sender) == ("variable.example", 587, True, "s@example.com")
    assert found.config.retention.audit == 0
    assert found.places["mail.host"].where == "SHOPLAUNCH_MAIL__HOST" and found.places["mail.sender"].kind == "file"


def test_sections_that_their_readers_judge_are_set_by_variables_too(surveyed):
    variables = {"URL": "https://b.example", "IDENTIFIER": "i", "DEPARTMENT": "2", "ADMIN": "a", "SECRET_FILE": "/s"}
    config = surveyed(
        SHOPLAUNCH_LOCAL__HTTP_PORT="8081",
        SHOPLAUNCH_LOCAL__APACHE='["httpd"]',
        **{f"SHOPLAUNCH_WHMCS__SECOND__{name}": value for name, value in variables.items()},
    ).config
    local, whmcs = LocalSettings.from_dict(config.local), WhmcsSettings.sections(config.whmcs)["second"]
    assert (local.http_port, local.apache) == (8081, ("httpd",))
    assert (whmcs.department, whmcs.key) == (2, "second")


def test_a_variable_that_ends_with_file_names_the_file_of_the_value(surveyed, tmp_path):
    (tmp_path / "url").write_text("mysql://u:s3cret@h/x\n")
    found = surveyed('database_url = "sqlite://"', SHOPLAUNCH_DATABASE_URL_FILE=str(tmp_path / "url"))
    assert found.config.database_url == "mysql://u:s3cret@h/x"
    assert found.places["database_url"].kind == "secret file" and problems(found) == []


def test_settings_that_name_a_file_keep_their_meaning(surveyed):
    found = surveyed(SHOPLAUNCH_MAIL__PASSWORD_FILE="/s", SHOPLAUNCH_BROKER_URL_FILE="/b", SHOPLAUNCH_ENGINE="celery")
    assert (found.config.mail.password_file, found.config.engine.broker_url_file) == ("/s", "/b")
    assert found.config.engine.kind == "celery"


@pytest.mark.parametrize("variable", ["CREDENTIALS_DIRECTORY", "SHOPLAUNCH_SECRETS"])
def test_a_folder_of_secret_files_counts_between_variables_and_the_file(surveyed, tmp_path, variable):
    folder = tmp_path / "given"
    folder.mkdir()
    for name, text in {
        "shoplaunch_public_url": "https://secret.example",
        "SHOPLAUNCH_JOB_HOURS": "7",
        "shoplaunch_mail__password": "s3cret",
        "another_programs": "x",
    }.items():
        (folder / name).write_text(text + "\n")
    text = 'public_url = "https://file.example"\njob_hours = 3\n[mail]\nuser = "u"'
    found = surveyed(text, **{variable: str(folder), "SHOPLAUNCH_PUBLIC_URL": "https://variable.example"})
    assert problems(found) == []
    assert (found.config.public_url, found.config.job_hours) == ("https://variable.example", 7)
    assert found.config.mail.password() == "s3cret"


def test_the_file_of_the_backups_passphrase_may_be_a_secret_of_the_unit(surveyed, tmp_path):
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "shoplaunch_backup_passphrase").write_text("correct horse")
    found = surveyed(CREDENTIALS_DIRECTORY=str(tmp_path / "given"))
    assert problems(found) == []
    assert found.config.backup_passphrase_file == str(tmp_path / "given" / "shoplaunch_backup_passphrase")


@pytest.mark.parametrize("content", [None, "", "x" * 70_000, b"\xff\xfe"], ids=["missing", "empty", "long", "no text"])
def test_a_secret_file_that_cannot_be_used_stops_commands_and_is_not_repeated(surveyed, tmp_path, content):
    if content is not None:
        (tmp_path / "url").write_bytes(content if isinstance(content, bytes) else content.encode())
    found = surveyed(SHOPLAUNCH_DATABASE_URL_FILE=str(tmp_path / "url"))
    (one,) = found.problems
    assert one.fatal and "SHOPLAUNCH_DATABASE_URL_FILE" in one.message and "xxxx" not in one.message


def test_two_variables_for_one_setting_are_refused(surveyed, tmp_path):
    (tmp_path / "url").write_text("sqlite://")
    found = surveyed(SHOPLAUNCH_DATABASE_URL="sqlite://", SHOPLAUNCH_DATABASE_URL_FILE=str(tmp_path / "url"))
    (one,) = found.problems
    assert one.fatal and "SHOPLAUNCH_DATABASE_URL " in one.message and "_FILE" in one.message


def test_an_empty_variable_says_nothing(surveyed):
    assert surveyed("job_hours = 3", SHOPLAUNCH_JOB_HOURS="", SHOPLAUNCH_MAIL__PORT="").config.job_hours == 3


def test_a_list_in_a_variable_is_json(surveyed):
    assert surveyed(SHOPLAUNCH_AGENT_PYTHONS='["/usr/bin/python3.9"]').config.agent_pythons == ("/usr/bin/python3.9",)
    assert "JSON" in problems(surveyed(SHOPLAUNCH_AGENT_PYTHONS="/usr/bin/python3.9"))[0]


def test_every_setting_has_a_variable_of_its_own_and_a_description():
    variables = [row.variable for row in rows().values()]
    assert len(set(variables)) == len(variables) > 50
    assert all(row.description for row in rows().values())


def test_files_of_the_first_versions_are_read_as_they_were(surveyed):
    text = 'job_hours = "48"\ntrusted_proxies = "1"\n[mail]\ndriver = "smtp"\nuser = "u"\npassword-file = "/p"\n'
    config = surveyed(text).config
    assert (config.job_hours, config.trusted_proxies, config.mail.password_file) == (48, 1, "/p")


def test_what_needs_no_settings_does_not_load_what_judges_them():
    code = "import sys, controller.cli, controller.settings.loading; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_commands_stop_at_the_first_problem_and_say_where_the_others_are_shown(tmp_path):
    (tmp_path / "shoplaunch.toml").write_text("job_hours = 0\n[mail]\nport = true\nhots = 'x'\n")
    with pytest.raises(ShoplaunchError, match=r"2 more: see `shoplaunch config check`"):
        load_config({"SHOPLAUNCH_HOME": str(tmp_path)})
