"""`config show` shows every setting with its value and its place, and no secret."""

import json

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.settings.shown import masked, rows_of
from controller.settings.table import rows


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:geheim@h/x",
        "mysql://u:ge@heim@h/x",
        "mysql://u:ge/heim?@h/x",
        "mysql://u@h/x?password=geheim",
        "postgresql://u@/x?sslpassword=geheim&host=/s",
        "redis://:geheim@h/0",
        "geheim",
        "mysql:/u:geheim@h",
        "mysql://u:geheim@h/x y",
    ],
)
def test_no_secret_is_shown(url):
    text = masked(url)
    assert "geheim" not in text and "heim" not in text and "***" in text


def test_what_is_no_secret_stays_readable():
    assert masked("mysql://u:p@h:3306/x?unix_socket=/s") == "mysql://u:***@h:3306/x?unix_socket=/s"
    assert masked("sqlite:////var/lib/x.db") == "sqlite:////var/lib/x.db"


def test_every_setting_is_shown_with_its_place(surveyed, tmp_path):
    text = 'database_url = "mysql://u:geheim@h/x"\njob_hours = 0\n[whmcs.Second]\nurl = "https://b.example"\n'
    found = {row["name"]: row for row in rows_of(surveyed(text, SHOPLAUNCH_MAIL__PORT="26"))}
    assert {name for name in rows() if not name.startswith("whmcs.")} < set(found)
    assert found["database_url"]["value"] == "mysql://u:***@h/x" and found["database_url"]["from"] == "file"
    assert found["mail.port"] == {
        "name": "mail.port", "value": 26, "from": "environment", "where": "SHOPLAUNCH_MAIL__PORT",
    }  # fmt: skip
    assert found["job_hours"]["value"] == 24 and found["job_hours"]["from"] == "default", "a wrong value is not used"
    assert found["whmcs.Second.url"]["where"] == str(tmp_path / "shoplaunch.toml")


def test_the_commands_print_tables_and_json_and_say_by_their_code_how_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOPLAUNCH_HOME", str(tmp_path))

    def call(*words):
        done = CliRunner().invoke(main, ["config", *words])
        return done.exit_code, done.stdout

    assert call("check") == (0, "The settings are right.\n")
    assert "job_hours" in call("show")[1] and len(json.loads(call("show", "--json")[1])) > 50
    (tmp_path / "shoplaunch.toml").write_text("[local]\nx = 1\n")
    (tmp_path / "shoplaunch.toml").chmod(0o600)
    code, printed = call("check", "--json")
    assert code == 3 and json.loads(printed)[0]["setting"] == "local.x"
    (tmp_path / "shoplaunch.toml").write_text("x = 1\n")
    assert call("check")[0] == 1
