"""Settings are written into the settings file, and nothing else of it changes."""

import tomllib

import pytest

from controller.setup import settings_file
from controller.setup.installation import SETTINGS
from shared.errors import ShoplaunchError


def put(file, text, **changes):
    file.write_text(text, "utf-8")
    settings_file.put(file, {name.replace("__", "."): value for name, value in changes.items()})
    return file.read_text("utf-8")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'bind = "x:1"\n'),
        ("# ours\n[mail]\nport = 1\n", '# ours\n[mail]\nport = 1\n'),
        ('bind = "y:1" # ours\njob_hours = 3\n', 'bind = "x:1"\njob_hours = 3\n'),
        ('# About it.\n#bind = "127.0.0.1:8000"\n# More.\n[mail]\n', None),
    ],
)  # fmt: skip
def test_a_setting_of_the_first_part_stands_in_place_of_the_former_or_below_its_description(tmp_path, before, after):
    text = put(tmp_path / "s", before, bind="x:1")
    assert tomllib.loads(text) == {**tomllib.loads(before), "bind": "x:1"}
    if after is None:
        assert text == before.replace('8000"\n', '8000"\nbind = "x:1"\n')
    elif "bind" in after:
        assert text == after
    settings_file.put(tmp_path / "s", {"bind": "x:1"})
    assert (tmp_path / "s").read_text() == text


def test_several_settings_are_written_in_one_go_into_what_init_writes(tmp_path):
    wanted = {"public_url": "https://c.example", "trusted_proxies": 1, "mail.host": 'a"b\\ü', "mail.starttls": True}
    (tmp_path / "s").write_text(SETTINGS, "utf-8")
    settings_file.put(tmp_path / "s", wanted)
    found = tomllib.loads((tmp_path / "s").read_text("utf-8"))
    assert found == {
        "public_url": "https://c.example", "trusted_proxies": 1, "mail": {"host": 'a"b\\ü', "starttls": True},
    }  # fmt: skip


@pytest.mark.parametrize("before", ["mail.port = 1\n", "mail = { port = 1 }\n", "=\n"])
def test_a_file_that_is_written_in_another_way_is_left_alone_and_the_lines_are_named(tmp_path, before):
    with pytest.raises(ShoplaunchError, match=r'below \[mail\].*host = "h"') as caught:
        put(tmp_path / "s", before, mail__host="h")
    assert caught.value.code == "config_invalid" and (tmp_path / "s").read_text() == before
