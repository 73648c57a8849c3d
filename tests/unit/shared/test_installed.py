"""Advice names commands of the installation that gives it: a clone's, the package's units, an image's containers."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared import installed
from shared.errors import LANGUAGES

PROJECT = Path(__file__).resolve().parents[3]
CATALOGUE = json.loads((PROJECT / "shared" / "error_codes.json").read_text("utf-8"))["codes"]
KINDS = (installed.CLONE, installed.PACKAGE, installed.IMAGE)
#: Words that only one kind of installation knows.
FOREIGN = {
    installed.CLONE: ("systemctl", "journalctl", "apt "),
    installed.PACKAGE: ("`shoplaunch serve`", "internet", "pip", r"controller/\S*\.md"),
    installed.IMAGE: ("`shoplaunch serve`", "systemctl", "internet", "pip", r"controller/\S*\.md"),
}


@pytest.mark.parametrize(
    "prefix, kind",
    [
        ("/opt/shoplaunch/environments/1.2-3.13", installed.PACKAGE),
        ("/opt/shoplaunch/environment", installed.IMAGE),
        ("/srv/clone/.venv", installed.CLONE),
        ("/opt/shoplaunch-clone/.venv", installed.CLONE),
        ("/usr", installed.CLONE),
    ],
)
def test_the_place_of_the_environment_says_how_it_was_installed(prefix, kind):
    assert installed.kind_of(prefix) == kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_advice_has_a_command_of_another_installation(kind, language):
    for code, entry in CATALOGUE.items():
        said = installed.filled(entry["advice"][language], language, kind)
        assert "{" not in said, code
        assert not [word for word in FOREIGN[kind] if re.search(rf"(?<!\w){word}", said)], (code, said)


@pytest.mark.parametrize("name", installed.PHRASES)
def test_a_phrase_is_there_for_each_installation_in_each_language(name):
    for kind in KINDS:
        assert all(installed.phrase(name, language, kind) for language in LANGUAGES)


def test_what_the_package_installed_says_its_units_in_both_languages():
    code = "import sys; sys.prefix = '/opt/shoplaunch/environments/1-3.13'\nfrom shared.errors import advice\n"
    code += "print(advice('worker_silent'), advice('worker_silent', 'fa'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.count("`systemctl restart shoplaunch-web shoplaunch-worker`") == 2
