"""What is not packed is counted: the tree without what was packed is what the report says was left out."""

import os
from pathlib import PurePosixPath

from controller.bundles.source.tree.left_out import LeftOut
from controller.bundles.source.tree.walk import Tree
from controller.recipes.base import PackOptions
from controller.recipes.prestashop.facts import series_of
from controller.recipes.prestashop.files.tree import TreeRules

FILES = [
    "index.php",
    "config/settings.inc.php",
    "config/xml/modules.xml",
    "config/xml/themes/x.xml",
    "admin1a/index.php",
    "upload/index.php",
    "admin1a/autoupgrade/index.php",
    "admin1a/autoupgrade/backup/index.php",
    "admin1a/autoupgrade/backup/auto/a.zip",
    "admin1a/backups/index.php",
    "admin1a/backups/.htaccess",
    "admin1a/backups/1.sql",
    "admin1a/import/customers.csv",
    "var/cache/index.php",
    "var/cache/prod/a.php",
    "var/cache/dev/smarty/index.php",
    "var/cache/test/a",
    "var/logs/a.log",
    "cache/smarty/compile/index.php",
    "cache/smarty/compile/ab/a.php",
    "img/tmp/index.php",
    "img/tmp/a.jpg",
    "img/p/1/1.jpg",
    ".git/HEAD",
    ".git/objects/aa/bb",
    ".env",
    ".env.local",
    "a.sql",
    "img/.DS_Store",
    "modules/x/x.php",
    "modules/x/tests/a.php",
    "x.php.bak",
    "install/index.php",
    "install/sql/a.sql",
    "docker/a/b",
    "upload/0123456789abcdef0123456789abcdef",
    "google0123456789abcdef.html",
]


def test_every_file_is_packed_or_counted_with_a_reason(tmp_path):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("123")
    (tmp_path / "dump").symlink_to("a.sql")
    (tmp_path / ".idea").mkdir()
    (tmp_path / "install" / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    counted = LeftOut(os.fsencode(tmp_path))
    rules = TreeRules(tmp_path, series_of("8.1.0"), "admin1a", PackOptions())
    packed = [entry.path.decode() for entry in Tree(tmp_path).entries(rules.left_out, counted) if entry.kind == "file"]
    reasons = counted.as_json()
    assert set(FILES) - set(packed) > {"admin1a/autoupgrade/backup/index.php", "a.sql", ".git/HEAD"}
    # Two empty folders, the link and the pipe are left out, too
    assert sum(one["count"] for one in reasons.values()) == len(FILES) - len(packed) + 4
    left = sum(one["bytes"] for one in reasons.values())
    assert left == 3 * (len(FILES) - len(packed)) + len("a.sql")
    assert all(one["count"] and one["examples"] for one in reasons.values())
    listed = {path for paths in counted.paths().values() for path in paths}
    above = {path: {path, *map(str, PurePosixPath(path).parents)} for path in FILES}
    assert {path for path in FILES if above[path] & listed} == set(FILES) - set(packed)
