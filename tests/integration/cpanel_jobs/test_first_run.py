"""`shoplaunch setup` with a cPanel server: looked at before it is added, refused where its token is."""

import json

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.settings.loading import load_config
from controller.setup import inventory
from controller.setup.first_run import installing


@pytest.fixture
def setup(whm, tmp_path, monkeypatch):
    """Return a function that runs `setup --from` with the server and a token, and returns (exit code, answer)."""
    monkeypatch.setattr(installing, "agent_problem", lambda _config: None)

    def run(token, *words):
        (tmp_path / "token").write_text(token)
        answers = {
            "public_url": "http://localhost:8000", "operator_email": "operator@example.com",
            "server": {
                "name": "cp1", "panel": "cpanel", "url": whm.url, "user": "root", "token_file": str(tmp_path / "token"),
                "ca": str(whm.ca_file), "options": [f"http_port={whm.http_port}", "skeleton=none"],
            },
        }  # fmt: skip
        (tmp_path / "answers").write_text(json.dumps(answers))
        home = {"SHOPLAUNCH_HOME": str(tmp_path / "home")}
        done = CliRunner().invoke(main, ["setup", "--from", str(tmp_path / "answers"), "--json", *words], env=home)
        return done.exit_code, json.loads(done.stdout[: done.stdout.rindex("}") + 1])

    return run


def known(tmp_path):
    return [row.name for row in inventory.list_servers(load_config({"SHOPLAUNCH_HOME": str(tmp_path / "home")}))]


def test_a_server_that_may_do_what_is_needed_is_added(whm, setup, tmp_path):
    token = whm.token(acls=("all",))
    whm.state.find_token("whm", "root", token).everything = True
    code, answer = setup(token)
    assert (code, answer["servers"], answer["missing"]) == (0, ["cp1"], []), answer["missing"]
    assert known(tmp_path) == ["cp1"]
    # Again, nothing changes
    assert setup("A" * 32)[1]["servers"] == ["cp1"]


def test_a_server_that_refuses_the_token_is_not_added_and_the_answer_says_why(setup, tmp_path):
    code, answer = setup("A" * 32)
    assert (code, answer["servers"]) == (3, []), answer["missing"]
    assert [one["code"] for one in answer["missing"]] == ["server_unready"]
    assert "token" in answer["missing"][0]["message"]
    assert known(tmp_path) == []
