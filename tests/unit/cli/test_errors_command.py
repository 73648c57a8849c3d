"""`shoplaunch errors` tells in both languages what to do about every code of the catalogue."""

import json

import pytest
from click.testing import CliRunner

from controller.cli import main
from shared.errors import CODES, LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_is_reported_with_its_title_and_advice(language):
    done = CliRunner().invoke(main, ["errors", "--language", language, "--json"])
    assert done.exit_code == 0
    rows = {row["code"]: row for row in json.loads(done.stdout)}
    for text in ("title", "advice"):
        assert {code: row[text] for code, row in rows.items()} == {
            code: entry[text][language] for code, entry in CODES.items()
        }
    assert {code: row["retry"] for code, row in rows.items()} == {
        code: entry["retryable"] for code, entry in CODES.items()
    }


def test_one_code_is_reported_alone():
    done = CliRunner().invoke(main, ["errors", "domain_busy"])
    assert done.exit_code == 0
    assert "domain_busy" in done.stdout
    assert "account_missing" not in done.stdout


def test_an_unknown_code_is_wrong_usage_and_says_how_to_list_them():
    done = CliRunner().invoke(main, ["errors", "no_such_code"])
    assert done.exit_code == 2
    assert "shoplaunch errors" in done.stderr
