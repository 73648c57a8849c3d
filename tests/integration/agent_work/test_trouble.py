"""What the account, the disk or the database may have wrong: a clear code, and the account untouched or resumable."""

import base64
import os
import subprocess
import time

import pytest

from agent.tree import holding_page
from shared.encoding import sha256_hex
from tests.support.servers.databases.mariadb import start_private, stop_private
from tests.support.shops.handmade import CELLS, place


def failure(controller):
    """Return the error of the last `failed` event."""
    return controller.accepted("failed")[-1]["error"]


def untouched(shop):
    """Return whether document root and database are as they were born."""
    return list(shop.root.iterdir()) == [] and shop.tables() == set()


def test_a_wrong_password_is_reported_and_the_right_one_goes_on(shop, controller):
    shop.drop(values={"db.password": "wrong"})
    shop.cron()
    assert shop.run() == 3
    assert failure(controller)["code"] == "db_access_denied"
    assert untouched(shop)
    assert "shoplaunch" not in shop.crontab
    shop.drop(attempt=2)
    assert shop.run() == 0


def test_a_database_with_foreign_tables_is_left_alone(shop, controller):
    shop.query("CREATE TABLE wp_posts (id INT PRIMARY KEY)")
    shop.drop()
    assert shop.run() == 3
    assert failure(controller)["code"] == "db_not_empty"
    assert shop.tables() == {"wp_posts"}
    assert list(shop.root.iterdir()) == []


def test_a_missing_database_is_reported(shop, controller):
    shop.drop(values={"db.name": "nosuchdatabase"})
    assert shop.run() == 3
    assert failure(controller)["code"] in ("db_missing", "db_privileges")
    assert untouched(shop)


def test_a_missing_privilege_is_reported_and_granting_it_mends_it(shop, controller):
    shop.server.query(f"REVOKE ALTER, INDEX ON `{shop.database}`.* FROM `{shop.db_user}`@localhost")
    shop.drop()
    assert shop.run() == 3
    assert failure(controller)["code"] == "db_privileges"
    shop.server.query(f"GRANT ALL ON `{shop.database}`.* TO `{shop.db_user}`@localhost")
    shop.drop(attempt=2)
    assert shop.run() == 0


def test_a_packet_limit_below_the_largest_statement_is_reported(shop, controller, bundle):
    requirements = {**bundle.manifest()["requirements"], "max_statement_bytes": 900_000_000}
    shop.pin = bundle.write(shop.folder / "shop.bundle", requirements=requirements)
    shop.own()
    shop.drop()
    assert shop.run() == 3
    assert failure(controller)["code"] == "db_packet"
    assert untouched(shop)


@pytest.mark.parametrize("name,code", [("disk_bytes", "disk_space"), ("inodes", "inodes")])
def test_too_little_room_is_reported_before_anything_is_written(shop, controller, bundle, name, code):
    requirements = {**bundle.manifest()["requirements"], name: 1 << 55}
    shop.pin = bundle.write(shop.folder / "shop.bundle", requirements=requirements)
    shop.own()
    shop.drop()
    assert shop.run() == 1
    assert failure(controller)["code"] == code
    assert untouched(shop)


def test_a_server_that_skips_name_resolution_serves_over_its_socket(bundle, controller, keys, agent):
    from tests.integration.agent_work.conftest import Shop

    server = start_private(["--skip-name-resolve"])
    try:
        account = Shop(server, bundle, controller, keys, agent)
        account.drop()
        assert account.run() == 0
        account.close()
    finally:
        stop_private(server)


def test_an_occupied_document_root_is_left_alone(shop, controller):
    (shop.root / "index.html").write_text("my site")
    shop.own()
    shop.drop()
    assert shop.run() == 3
    assert failure(controller)["code"] == "docroot_occupied"
    assert [path.name for path in shop.root.iterdir()] == ["index.html"]
    assert shop.tables() == set()


def test_an_occupied_document_root_is_put_aside_when_the_order_allows_it(shop):
    (shop.root / "img").mkdir()
    (shop.root / "img" / "mine.txt").write_text("mine")
    (shop.root / ".htaccess").write_text("# BEGIN panel\nAddHandler x .php\n# END panel\nRedirect / /old\n")
    (shop.root / "cgi-bin").mkdir()
    shop.own()
    rules = {**shop.job()["document_root"], "occupied": "move"}
    shop.drop(document_root=rules)
    assert shop.run() == 0
    (aside,) = (shop.home / ".shoplaunch-replaced").iterdir()
    assert (aside / "img" / "mine.txt").read_text() == "mine"
    assert "Redirect / /old" in (aside / ".htaccess").read_text()
    assert (shop.root / "img" / "1.png").exists() and (shop.root / "cgi-bin").exists()
    htaccess = (shop.root / ".htaccess").read_text()
    assert htaccess.startswith("# BEGIN panel\nAddHandler x .php\n# END panel\n")
    assert "Redirect" not in htaccess


def test_the_panels_own_entries_and_default_page_are_no_occupation(shop):
    (shop.root / ".well-known").mkdir()
    (shop.root / ".well-known" / "token").write_text("t")
    (shop.root / "index.html").write_bytes(b"welcome")
    (shop.root / ".htaccess").write_bytes(b"# BEGIN panel\r\nx\r\n# END panel")
    shop.own()
    rules = {**shop.job()["document_root"], "default_pages": [sha256_hex(b"welcome")]}
    shop.drop(document_root=rules)
    assert shop.run() == 0
    assert (shop.root / ".well-known" / "token").read_text() == "t"
    assert not (shop.root / "index.html").exists()
    assert (shop.root / ".htaccess").read_bytes().startswith(b"# BEGIN panel\r\nx\r\n# END panel\nRewriteEngine")


def test_a_document_root_that_is_a_link_is_refused(shop, controller):
    shop.root.rmdir()
    (shop.home / "elsewhere").mkdir()
    shop.root.symlink_to(shop.home / "elsewhere")
    shop.own()
    shop.drop()
    assert shop.run() == 3
    assert failure(controller)["code"] == "docroot_missing"
    assert list((shop.home / "elsewhere").iterdir()) == []


def test_links_planted_in_the_staging_tree_are_gone_before_anything_is_written(shop):
    canary = shop.base / "canary"
    canary.mkdir()
    (canary / "Shop.php").write_text("mine")
    os.chown(canary, shop.uid, shop.gid)
    os.chown(canary / "Shop.php", shop.uid, shop.gid)
    staging = shop.home / f".shoplaunch-staging-{shop.id}"
    staging.mkdir()
    (staging / "classes").symlink_to(canary)
    (staging / "index.php").symlink_to(canary / "Shop.php")
    os.link(canary / "Shop.php", staging / ".htaccess")
    shop.own()
    shop.drop()
    assert shop.run() == 0
    assert (canary / "Shop.php").read_text() == "mine"
    assert [path.name for path in canary.iterdir()] == ["Shop.php"]
    assert not (shop.root / "classes").is_symlink()


def test_a_full_file_system_is_reported_and_the_restore_goes_on_when_there_is_room(shop, controller, bundle):
    mount = ["mount", "-t", "tmpfs", "-o", f"size=300k,uid={shop.uid},gid={shop.gid},mode=755", "none"]
    shop.root.rmdir()
    disk = shop.home / "site"
    disk.mkdir()
    subprocess.run([*mount, str(disk)], check=True)
    try:
        shop.root = disk / "public_html"
        shop.root.mkdir()
        os.chown(shop.root, shop.uid, shop.gid)
        (disk / "filler").write_bytes(b"x" * 200_000)
        requirements = {**bundle.manifest()["requirements"], "disk_bytes": 0, "inodes": 0}
        shop.pin = bundle.write(shop.folder / "shop.bundle", requirements=requirements)
        shop.own()
        shop.drop()
        assert shop.run() == 1
        assert failure(controller)["code"] == "quota_reached"
        subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
        assert shop.run() == 0
        assert (shop.root / "img" / "1.png").exists()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_server_restarted_in_the_middle_costs_no_chunk(bundle, controller, keys, agent):
    from tests.integration.agent_work.conftest import Shop

    server = start_private()
    try:
        # One chunk waits until the server is gone
        gated = f"DO GET_LOCK('gate', 600);\n{bundle.texts[3][0]}"
        account = Shop(server, bundle.changed("db/data/0004.sql.gz", gated.encode()), controller, keys, agent)
        gate = server.root_connection()
        with gate.cursor() as cursor:
            cursor.execute("SELECT GET_LOCK('gate', 0)")
        account.drop()
        process = account.start()
        waiting = "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'DO GET_LOCK%'"
        account.wait_for(lambda: server.query(waiting) or process.poll() is not None)
        server.stop(hard=True)
        time.sleep(1)
        assert process.poll() is None
        server.start()
        assert process.wait(120) == 0
        assert account.query("SELECT COUNT(*) FROM ps_product")[0][0] == 2000
        account.close()
    finally:
        stop_private(server)


#: Takes more room for temporary files than the server's disk has.
LARGE_SORT = (
    "SET @largest = (SELECT MAX(y) FROM (SELECT y FROM (SELECT REPEAT(SHA1(seq), 5) AS y FROM seq_1_to_60000) AS a"
    " ORDER BY y LIMIT 50000, 1000) AS b);"
)


def test_a_full_disk_of_the_database_server_is_reported_as_such_and_waited_for(bundle, controller, keys, agent):
    from tests.integration.agent_work.conftest import Shop

    server = start_private()
    server.stop()
    place_of_temporary_files = server.directory / "tmp"
    disk = ["mount", "-t", "tmpfs", "-o", "size=200k,mode=777", "shoplaunch-test", str(place_of_temporary_files)]
    subprocess.run(disk, check=True)
    try:
        server.start()
        changed = bundle.changed("db/data/0004.sql.gz", f"{LARGE_SORT}\n{bundle.texts[3][0]}".encode())
        account = Shop(server, changed, controller, keys, agent)
        account.drop()
        account.cron()
        assert (account.run(), failure(controller)["code"]) == (1, "quota_reached"), failure(controller)
        assert "shoplaunch" in account.crontab
        subprocess.run(["mount", "-o", "remount,size=100m", str(place_of_temporary_files)], check=True)
        assert account.run() == 0
        assert account.query("SELECT COUNT(*) FROM ps_product")[0][0] == 2000
        account.close()
    finally:
        server.stop(hard=True)
        subprocess.run(["umount", "--lazy", str(place_of_temporary_files)], check=True)
        stop_private(server)


def test_a_lock_wait_that_times_out_repeats_the_chunk(shop):
    holder = shop.server.root_connection(shop.database)
    shop.drop()
    process = shop.start()
    shop.wait_for(lambda: "shoplaunch_ledger" in shop.tables() or process.poll() is not None)
    # Somebody holds a row of the ledger for a moment longer than a chunk likes
    holder.begin()
    with holder.cursor() as cursor:
        cursor.execute("SELECT * FROM shoplaunch_ledger FOR UPDATE")
        time.sleep(1)
    holder.rollback()
    holder.close()
    assert process.wait(120) == 0
    assert shop.query("SELECT COUNT(*) FROM ps_product")[0][0] == 2000


def test_a_table_that_differs_stops_the_shop_and_is_imported_again_by_the_next_attempt(shop, controller, bundle):
    tables = bundle.manifest()["tables"]
    tables[0]["digest"][-1] += "1"
    shop.pin = bundle.write(shop.folder / "shop.bundle", tables=tables)
    shop.own()
    shop.drop()
    assert shop.run() == 3
    assert failure(controller)["code"] == "proof_digest"
    assert not (shop.root / "index.php").exists()
    shop.drop(attempt=2)
    assert shop.run() == 3
    imports = [event for event in controller.accepted("stage_finished") if event["stage"] == "import"]
    assert [event["attempt"] for event in imports] == [1, 2]


def test_a_table_with_another_number_of_rows_stops_the_shop(shop, controller, bundle):
    tables = bundle.manifest()["tables"]
    tables[1]["rows"] += 1
    shop.pin = bundle.write(shop.folder / "shop.bundle", tables=tables)
    shop.own()
    shop.drop()
    assert shop.run() == 3
    assert failure(controller)["code"] == "proof_rows"
    assert not (shop.root / "index.php").exists()


def test_visitors_get_the_503_page_while_a_shop_is_not_proven(shop, bundle):
    tables = bundle.manifest()["tables"]
    tables[0]["digest"][-1] += "1"
    shop.pin = bundle.write(shop.folder / "shop.bundle", tables=tables)
    shop.own()
    shop.drop()
    assert shop.run() == 3
    assert {path.name for path in shop.root.iterdir()} == {holding_page.HTACCESS, holding_page.PAGE}
    assert holding_page.MARK in (shop.root / holding_page.HTACCESS).read_bytes()


def test_residue_of_the_template_in_a_file_stops_the_shop(shop, controller, bundle):
    shop.pin = bundle.write(shop.folder / "shop.bundle", residue=[b"class Shop".hex()])
    shop.own()
    shop.drop()
    assert shop.run() == 3
    assert failure(controller)["code"] == "residue_found"
    assert "classes/Shop.php" in failure(controller)["message"]
    assert not (shop.root / "index.php").exists()


def imported_anew(shop, controller):
    """Return whether the next attempt does not believe the tables of the one before."""
    shop.drop(attempt=2)
    assert shop.run() == 0
    done = [event["attempt"] for event in controller.accepted("stage_finished") if event["stage"] == "import"]
    return done == [1, 2]


def test_a_filled_value_that_does_not_read_back_stops_the_shop(shop, controller, bundle):
    cells = [{**cell, "expect": list(cell["expect"])} for cell in CELLS]
    cells[0]["expect"][0] = "another." + place("domain")
    encoded = [
        {**cell, "expect": [text and base64.b64encode(text.encode()).decode() for text in cell["expect"]]}
        for cell in cells
    ]
    shop.pin = bundle.changed("db/cells.json.gz", encoded).write(shop.folder / "shop.bundle")
    shop.own()
    shop.drop()
    assert shop.run() == 3
    assert failure(controller)["code"] == "proof_cell"
    assert "ps_configuration" in failure(controller)["message"]
    assert shop.db_password not in failure(controller)["message"]
    assert not (shop.root / "index.php").exists()
    shop.pin = bundle.write(shop.folder / "shop.bundle")
    shop.own()
    assert imported_anew(shop, controller)


def test_residue_of_the_template_in_a_table_stops_the_shop(shop, controller, bundle):
    shop.pin = bundle.write(shop.folder / "shop.bundle", residue=[b"same everywhere".hex()])
    shop.own()
    shop.drop()
    assert shop.run() == 3
    assert failure(controller)["code"] == "residue_found"
    assert failure(controller)["message"] == "1 rows of ps_configuration name the template"
    assert not (shop.root / "index.php").exists()
    shop.pin = bundle.write(shop.folder / "shop.bundle")
    shop.own()
    assert imported_anew(shop, controller)


def test_a_domain_that_contains_the_templates_domain_is_no_residue(shop):
    shop.drop(values={"domain": "my-template.example"})
    assert shop.run() == 0
