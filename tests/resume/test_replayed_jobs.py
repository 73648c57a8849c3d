"""A job that was done and is put back – from a backup, or by the account's owner – changes nothing of the shop."""

import shutil

import pytest

from tests.resume.conftest import same


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("occupied", ["refuse", "move"])
def test_a_job_that_is_put_back_after_its_end_leaves_the_shop_as_it_is(shop, controller, occupied):
    rules = {**shop.job()["document_root"], "occupied": occupied}
    shop.drop(document_root=rules)
    kept = shop.base / "kept"
    shutil.copytree(shop.folder, kept)
    assert shop.run() == 0
    shop.query("INSERT INTO ps_product (id, name) VALUES (-7, 'of a customer')")
    (shop.root / "index.php").write_text("<?php // changed since")
    shop.own()
    before = shop.picture()
    shutil.copytree(kept, shop.folder)
    shop.own()
    for _ in range(3):
        assert shop.run() != 0
        same(shop.picture(), before)
    assert controller.accepted("failed")
