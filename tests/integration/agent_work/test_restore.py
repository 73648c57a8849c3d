"""The real agent restores a handmade shop into a real account and database."""

import base64
import os
import stat


def settings(shop):
    return dict(shop.query("SELECT name, value FROM ps_configuration"))


def test_files_rows_and_settings_arrive_and_nothing_of_the_agent_stays(shop, controller):
    shop.drop()
    shop.cron()
    assert shop.run() == 0, controller.events[-1]
    assert (shop.root / "img" / "1.png").read_bytes() == bytes(range(256)) * 40
    assert (shop.root / "backoffice77" / "index.php").exists()
    assert (shop.root / "config" / "parameters.php").read_text() == "<?php return ['key' => 'c00kie-key'];\n"
    assert r"^shop\.example\.com$" in (shop.root / ".htaccess").read_text()
    assert os.readlink(shop.root / "pictures") == "img"
    assert shop.query("SELECT COUNT(*) FROM ps_product")[0][0] == 2000
    found = settings(shop)
    assert found["PS_SHOP_DOMAIN"] == "shop.example.com"
    assert found["SLIDER"] == 'a:1:{s:3:"url";s:23:"http://shop.example.com";}'
    assert base64.b64decode(found["PACKED"]) == b'{"home":"http:\\/\\/shop.example.com"}'
    assert found["PS_SHOP_NAME"] == 'Anna\'s "Shop" فروشگاه'
    assert shop.tables() == {"ps_product", "ps_image", "ps_configuration", "ps_named"}
    assert not shop.folder.exists()
    assert sorted(path.name for path in shop.home.iterdir()) == ["plan.json", "public_html"]
    assert "shoplaunch" not in shop.crontab


def test_modes_and_times_are_those_of_the_template_but_filled_files_have_the_present_time(shop):
    shop.drop()
    assert shop.run() == 0
    plain, filled = shop.root / "index.php", shop.root / "config" / "parameters.php"
    assert stat.S_IMODE(plain.stat().st_mode) == 0o644
    assert plain.stat().st_mtime == 1_500_000_000
    assert filled.stat().st_mtime > 1_700_000_000
    assert plain.stat().st_uid == shop.uid


def test_the_final_event_carries_the_evidence(shop, controller, bundle):
    shop.drop()
    assert shop.run() == 0
    evidence = controller.accepted("finished")[0]["evidence"]
    assert evidence["tables"] == {"ps_configuration": 6, "ps_image": 400, "ps_product": 2000}
    assert evidence["chunks"] == 9
    assert evidence["cells"] == 4
    assert evidence["digests"] > 10
    files = sum(path.stat().st_size for path in shop.root.rglob("*") if path.is_file() and not path.is_symlink())
    assert evidence["bytes_written"] == files
    statements = sum(len(text.replace("\n", "").encode()) for text, _ in bundle.texts if "@@SL" not in text)
    assert statements < evidence["sql_bytes"] < statements + 2000


def test_late_indexes_foreign_keys_triggers_and_counters_are_there(shop):
    shop.drop()
    assert shop.run() == 0
    create = shop.query("SHOW CREATE TABLE ps_product")[0][1]
    assert "KEY `name` (`name`)" in create and "AUTO_INCREMENT=5001" in create
    assert "CONSTRAINT `image_product` FOREIGN KEY" in shop.query("SHOW CREATE TABLE ps_image")[0][1]
    assert shop.query("SHOW TRIGGERS")[0][0] == "ps_no_image"
