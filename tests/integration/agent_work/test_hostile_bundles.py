"""A bundle made to do harm, signed and dropped as any other: the agent gives up by a code, the account is as it was."""

import os
from pathlib import Path

import pytest

from agent.bundle import tar
from tests.support.shops.hostile_bundles import entry

SHARD = "files/0001.tar.gz"
DEEP = [entry(b"x/y/z", b"", tar.FOLDER), entry(b"x/y/z/top", b"", tar.LINK, b"../../..")]
ATTACKS = {
    "a path above": (b"".join([entry(b"a", b"x"), entry(b"../../escaped", b"x")]), "unsafe_path"),
    "an absolute path": (entry(b"/tmp/shoplaunch-escaped", b"x"), "unsafe_path"),
    "links together": (b"".join([*DEEP, entry(b"out", b"", tar.LINK, b"x/y/z/top/../..")]), "unsafe_path"),
    "a hard link": (entry(b"escaped", b"", b"1", b"../../own"), "unsafe_path"),
    "no end": (entry(b"escaped", b"", size=b"-0000001000\0"), "bundle_damaged"),
    "too many": (b"".join(entry(b"f%d" % number, b"x") for number in range(200)), "bundle_damaged"),
}


def outside(shop):
    """Return every path of the account but its agent's folder and where the tree is built, with its content."""
    found = {}
    for path in sorted(shop.base.rglob("*")):
        parts = path.relative_to(shop.base).parts
        if not any(part.startswith(".shoplaunch") for part in parts) and path.parent != shop.root:
            found[path] = path.read_bytes() if path.is_file() else None
    return found


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_bundle_made_to_do_harm_ends_its_job_and_nothing_else(shop, bundle, controller, attack):
    archive, code = ATTACKS[attack]
    shop.pin = bundle.changed(SHARD, archive).write(shop.folder / "shop.bundle")
    (shop.home / "own").write_text("mine")
    shop.own()
    shop.drop()
    before = outside(shop)
    assert shop.run() == 3, shop.errors
    assert controller.accepted("failed")[-1]["error"]["code"] == code
    assert outside(shop) == before
    assert os.stat(shop.home / "own").st_nlink == 1
    assert not Path("/tmp/shoplaunch-escaped").exists()
    # Nothing of the tree was moved to where it is served
    assert {path.name for path in shop.root.iterdir()} == {".htaccess", ".shoplaunch-holding.html"}
