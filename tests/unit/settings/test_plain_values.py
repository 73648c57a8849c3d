"""What is plainly right is taken without pydantic, which takes long to load; it says the same of each value."""

import subprocess
import sys

import pytest

from controller.settings import model, plain
from controller.settings.rules import Spelled
from controller.settings.table import SECTIONS, rows

#: What somebody may write into a file, or a variable (Spelled).
VALUES = [
    "", "text", "en", "json", "link", "/absolute", "/a/../b", "relative", "../up", "with\nlines", "\udcff", "فارسی",
    "https://control.example.com", "http://control.example.com", "http://127.0.0.1:8000", "http://[::1]:0",
    "0", "7", "007", "25", "+1", " 1", "1_0", "1.0", "-1", "65536", "99999999999", "true", "True", "yes",
    0, 1, 7, -1, 65536, 10**12, 1.0, 2.5, True, False, [], ["/a", "/b"], ["a"], [1], [["a"]], ("/a",),
    {}, {"a": 1}, {1: 2}, None,
]  # fmt: skip
GIVEN = [*VALUES, *(Spelled(value) for value in VALUES if isinstance(value, str))]


def judged(values):
    """Return what pydantic makes of the values, None where it complains."""
    found, problems = model.merged([values])
    return None if problems else found


@pytest.mark.parametrize("row", rows().values(), ids=lambda row: row.name)
def test_what_pydantic_says_is_said_or_nothing(row):
    section, _, name = row.name.rpartition(".")
    kind, agreed = SECTIONS.get(section), 0
    for value in GIVEN:
        if kind is not None and section in ("local", "whmcs"):
            values = {**dict.fromkeys(("identifier", "admin"), "x"), "url": "https://a.example.com"}
            values = {**values, "secret_file": "/s", "department": 1} if section == "whmcs" else {}
            values[name] = value
            found, said = plain.built(kind, values), model.validated(kind, values, section)[0]
        else:
            values = {section: {name: value}} if section else {name: value}
            found, said = plain.merged([values]), judged({**values})
        assert found is None or found == said, value
        agreed += found is not None
    assert agreed


@pytest.mark.parametrize("values", [{"hots": 1}, {"home": "/x"}, {"mail": {"hots": 1}}, {"mail": "x"}, {"mail": [1]}])
def test_what_is_no_setting_is_left_to_pydantic(values):
    assert plain.merged([values]) is None
    assert judged(values) is None


def test_a_section_that_lacks_what_it_needs_is_left_to_pydantic():
    assert plain.built(SECTIONS["whmcs"], {"url": "https://billing.example.com"}) is None


def test_what_stands_in_an_earlier_layer_counts_more():
    found = plain.merged([{"mail": {"port": 1}, "bind": "unix:/a"}, {"mail": {"port": 2, "host": "b"}, "bind": "c:1"}])
    assert (found["mail"].port, found["mail"].host, found["bind"]) == (1, "b", "unix:/a")


ORDINARY = """
public_url = "https://control.example.com"
database_url = "mysql://user:password@localhost/shoplaunch"
agent_pythons = ["/usr/bin/python3.9"]
[mail]
host = "mail.example.com"
port = 587
starttls = true
[local]
free_disk_bytes = 1
apache_reload = ["systemctl", "reload", "apache2"]
[whmcs]
url = "https://billing.example.com"
identifier = "i"
secret_file = "/s"
department = 1
admin = "a"
"""


def test_an_ordinary_installations_settings_are_the_same_and_load_no_pydantic(surveyed, tmp_path, monkeypatch):
    found = surveyed(ORDINARY, SHOPLAUNCH_RETENTION__EVENTS="7")
    monkeypatch.setattr(plain, "merged", lambda _layers: None)
    monkeypatch.setattr(plain, "built", lambda _kind, _values: None)
    by_pydantic = surveyed(ORDINARY, SHOPLAUNCH_RETENTION__EVENTS="7")
    assert found.config == by_pydantic.config
    assert (found.problems, found.places) == (by_pydantic.problems, by_pydantic.places)
    code = "import sys; from controller.settings.loading import load_config; load_config(); "
    code += "sys.exit('pydantic' in sys.modules)"
    own = {"SHOPLAUNCH_HOME": str(tmp_path), "SHOPLAUNCH_RETENTION__EVENTS": "7"}
    assert subprocess.run([sys.executable, "-c", code], env=own, check=False).returncode == 0
