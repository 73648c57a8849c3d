"""What a bundle's chunks load is what the template held, row by row."""

import gzip
import io
import json
import subprocess
import tarfile

import pytest

from controller.bundles.residue.bundle_reader import open_bundle
from shared.bundle import SESSION
from shared.placeholders import Renderer
from tests.support.shops.packing import PlainPlan, packed

VALUES = {"domain": "new.example"}


def documents(path):
    """Return (manifest, {kind of small document: its JSON}, [rendered chunks])."""
    with open_bundle(path) as bundle:
        renderer = Renderer(bundle.manifest["nonce"], VALUES)
        small, chunks = {}, []
        for member, data in bundle.members():
            plain = gzip.decompress(data)
            if member["kind"] == "data":
                chunks.append((member, renderer.render(plain)))
            elif member["kind"] != "files":
                small[member["kind"]] = json.loads(plain)
        return bundle.manifest, small, chunks


def load(server, path):
    """Load a bundle's database through the mariadb client, as `zcat | mariadb` would; return the database's name."""
    _, small, chunks = documents(path)
    name, _, _ = server.new_database()
    script = [f"{statement};\n".encode() for statement in SESSION]
    script += [f"{table['create']};\n".encode() for table in small["tables"]]
    script += [data for _, data in chunks]
    for table in small["tables"]:
        script += [f"{late};\n".encode() for late in table["late"]]
    for table in small["tables"]:
        script += [f"{alter};\n".encode() for _, alter in table["foreign_keys"]]
    script += [f"DELIMITER $$\n{routine['create']}$$\nDELIMITER ;\n".encode() for routine in small["routines"]]
    client(server, name, b"".join(script))
    return name


def client(server, database, script):
    subprocess.run(
        ["mariadb", "--no-defaults", "-uroot", f"--socket={server.socket}", "--default-character-set=utf8mb4",
         "--binary-mode", database], input=script, check=True,
    )  # fmt: skip


def checksums(server, database):
    rows = server.query("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'", database=database)
    names = sorted(row[0] for row in rows)
    listed = ", ".join(f"`{name}`" for name in names)
    return {row[0].split(".", 1)[1]: row[1] for row in server.query(f"CHECKSUM TABLE {listed}", database=database)}


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("version", ["8.2.1", "1.6.1.24"])
def test_a_real_dump_comes_back_with_the_same_checksum_of_every_table(
    version, real_dumps, mariadb_server, docroot, tmp_path, url_of
):
    dump = real_dumps / f"prestashop-{version}.sql.gz"
    original, _, _ = mariadb_server.new_database()
    client(mariadb_server, original, gzip.decompress(dump.read_bytes()))
    target = tmp_path / "shop.bundle"
    packed(docroot, target, PlainPlan(b"nowhere.template.example"), dump=dump, scratch=url_of())
    assert checksums(mariadb_server, load(mariadb_server, target)) == checksums(mariadb_server, original)


def test_awkward_values_keys_and_engines_come_back(mariadb_server, awkward, docroot, tmp_path, url_of):
    target = tmp_path / "shop.bundle"
    plan = PlainPlan(b"nowhere.template.example")
    report = packed(docroot, target, plan, database=url_of(awkward), scratch=url_of()).report
    loaded = load(mariadb_server, target)
    engines = mariadb_server.query(
        "SELECT DISTINCT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA=%s AND TABLE_TYPE='BASE TABLE'",
        loaded,
    )
    assert engines == (("InnoDB",),)
    assert report["converted_tables"] == {"latin": "MyISAM", "aria": "Aria"}
    before, after = checksums(mariadb_server, awkward), checksums(mariadb_server, loaded)
    # Checksums depend on the engine, and InnoDB's on an order that a table without key does not have
    for table in ("latin", "aria", "unkeyed"):
        before.pop(table), after.pop(table)
        rows = f"SELECT * FROM {{}}.{table} ORDER BY 1, 2"
        assert mariadb_server.query(rows.format(loaded)) == mariadb_server.query(rows.format(awkward))
    assert after == before
    assert mariadb_server.query("SELECT * FROM a_second", database=loaded) == ((1,), (2,))
    assert mariadb_server.query("SELECT one()", database=loaded) == ((1,),)
    assert mariadb_server.query("SHOW INDEX FROM latin WHERE Index_type='FULLTEXT'", database=loaded)
    counter = "SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA=%s AND TABLE_NAME='numbers'"
    assert mariadb_server.query(counter, loaded) == mariadb_server.query(counter, awkward)


def test_every_line_of_a_chunk_is_one_statement(awkward, docroot, tmp_path, url_of):
    target = tmp_path / "shop.bundle"
    packed(docroot, target, database=url_of(awkward), scratch=url_of())
    _, _, chunks = documents(target)
    for member, data in chunks:
        lines = data.rstrip(b"\n").split(b"\n")
        assert all(line.startswith(b"INSERT INTO `") and line.endswith(b";") for line in lines), member["name"]


def test_filled_cells_are_filled_and_the_proof_holds_for_other_values(
    mariadb_server, awkward, docroot, tmp_path, url_of
):
    target = tmp_path / "shop.bundle"
    packed(docroot, target, database=url_of(awkward), scratch=url_of())
    manifest, small, _ = documents(target)
    loaded = load(mariadb_server, target)
    assert mariadb_server.query("SELECT host, note, raw FROM urls ORDER BY id", database=loaded) == (
        ("new.example", "see http://new.example/ 'now'", b"new.example"),
        ("other.example", None, b"\xff\x00"),
        (None, "a\nb new.example", None),
    )
    assert manifest["values"] == ["domain"]
    connection = mariadb_server.root_connection(loaded)
    with connection.cursor() as cursor:
        for statement in SESSION:
            cursor.execute(statement)
        for table in manifest["tables"]:
            cursor.execute(table["digest_sql"])
            row = ["NULL" if value is None else str(value) for value in cursor.fetchone()]
            assert row == table["digest"], table["name"]
            assert int(row[0]) == table["rows"]
        renderer = Renderer(manifest["nonce"], VALUES)
        for cells in small["cells"]:
            cursor.execute(cells["sql"])
            import base64

            expected = [renderer.render(base64.b64decode(cell)) for cell in cells["expect"]]
            found = [cell if isinstance(cell, bytes) else cell.encode() for (cell,) in cursor.fetchall()]
            assert found == expected
    connection.close()
    assert {(cells["table"], len(cells["expect"])) for cells in small["cells"]} == {("urls", 1), ("urls", 2)}


def test_files_come_back_with_their_content_times_and_plain_rights(awkward, docroot, tmp_path, url_of):
    (docroot / "img" / "logo.png").chmod(0o666)
    (docroot / "secret.php").write_text("<?php")
    (docroot / "secret.php").chmod(0o600)
    (docroot / "run.sh").write_text("#!/bin/sh\n")
    (docroot / "run.sh").chmod(0o775)
    (docroot / "link").symlink_to(docroot / "img" / "logo.png")
    (docroot / "pictures").symlink_to("img")
    # By way of another link: an agent would not follow it
    (docroot / "img" / "detour").symlink_to("../pictures/../index.php")
    long_name = "very-long-" * 12
    (docroot / long_name).mkdir()
    (docroot / long_name / long_name).write_text("deep")
    target = tmp_path / "shop.bundle"
    packed(docroot, target, database=url_of(awkward), scratch=url_of())
    found = {}
    with open_bundle(target) as bundle:
        renderer = Renderer(bundle.manifest["nonce"], VALUES)
        flags = [member["placeholders"] for member, _ in bundle.members() if member["kind"] == "files"]
        for member, data in bundle.members():
            if member["kind"] != "files":
                continue
            with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as archive:
                for item in archive:
                    content = archive.extractfile(item).read() if item.isfile() else item.linkname.encode()
                    assert renderer.has_placeholders(content) <= member["placeholders"]
                    found[item.name] = (oct(item.mode), renderer.render(content), item.mtime, item.uid, item.uname)
    assert flags == sorted(flags)
    assert found["index.php"][:3] == ("0o644", b"<?php echo 'http://new.example/';\n", 1_700_000_000)
    assert found["img/logo.png"] == ("0o644", bytes(range(256)) * 40, 1_700_000_000, 0, "")
    assert found["secret.php"][0] == "0o600"
    assert found["run.sh"][0] == "0o755"
    assert found["link"][1] == b"img/logo.png"
    assert (found["pictures"][1], found["img/detour"][1]) == (b"img", b"../index.php")
    assert found["empty"][0] == "0o755"
    assert found[f"{long_name}/{long_name}"][1] == b"deep"
    assert len(found) == sum(1 for _ in docroot.rglob("*"))


def test_a_dump_with_generated_columns_gives_the_bundle_of_its_database(mariadb_server, docroot, tmp_path, url_of):
    name, _, _ = mariadb_server.new_database()
    columns = "id int NOT NULL, a int, twice int AS (a*2) STORED, thrice int AS (a*3), PRIMARY KEY (id)"
    mariadb_server.query(f"CREATE TABLE made ({columns})", database=name)
    mariadb_server.query("INSERT INTO made (id, a) VALUES (1, 5), (2, NULL)", database=name)
    command = ["mariadb-dump", "--no-defaults", "-uroot", f"--socket={mariadb_server.socket}", name]
    dump = tmp_path / "shop.sql"
    # It writes their values, too, which no server takes
    dump.write_bytes(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    assert b"(1,5,10,15)" in dump.read_bytes()
    packed(docroot, tmp_path / "dump.bundle", dump=dump, scratch=url_of())
    packed(docroot, tmp_path / "live.bundle", database=url_of(name), scratch=url_of())
    assert (tmp_path / "dump.bundle").read_bytes() == (tmp_path / "live.bundle").read_bytes()
    mariadb_server.query(f"DROP DATABASE {name}")
