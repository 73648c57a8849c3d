"""A database that holds another application, too: nothing of it travels, and what names it breaks nothing."""

import gzip
import json
import subprocess
import zipfile

import pytest

from tests.integration.packing.commands.test_command import run
from tests.support.shops.packing import server_url

OTHER = """
CREATE TABLE blog_options (id int NOT NULL, value varchar(90), PRIMARY KEY (id));
CREATE TABLE blog_posts LIKE blog_options; CREATE TABLE blog_usermeta LIKE blog_options;
CREATE TABLE blog_users (id int NOT NULL, email varchar(90), PRIMARY KEY (id));
INSERT INTO blog_users VALUES (1,'somebody@private.example');
CREATE TABLE megamenu (id int NOT NULL, title varchar(90), PRIMARY KEY (id));
INSERT INTO megamenu VALUES (1,'Our menu');
CREATE VIEW blog_readers AS SELECT u.id, u.email, m.title FROM blog_users u JOIN megamenu m ON m.id = u.id;
CREATE TRIGGER blog_noticed AFTER UPDATE ON ps_shop FOR EACH ROW UPDATE blog_users SET id = id WHERE id = 0;
"""


@pytest.mark.sampled(of=2, rests=True)
def test_another_applications_rows_stay_behind_and_its_view_and_trigger_do_no_harm(sample, mariadb_server, tmp_path):
    name = sample[1].split("/")[3].split("?")[0]
    command = ["mariadb-dump", "--no-defaults", "-uroot", f"--socket={mariadb_server.socket}", name]
    dump = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    end = dump.rindex(b"-- Dump completed")
    statements = OTHER.replace("; CREATE", ";\nCREATE").encode()
    (tmp_path / "shop.sql").write_bytes(dump[:end] + statements + dump[end:])
    done = run("pack", "--docroot", sample[0], "--dump", tmp_path / "shop.sql", "--json", "-o", tmp_path / "x.bundle",
               "--scratch", server_url(mariadb_server))  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    rows = {table["name"]: table["rows"] for table in document["manifest"]["tables"]}
    assert (rows["blog_users"], rows["megamenu"]) == (0, 1)
    dropped = {one["table"]: one["reason"] for one in document["report"]["dropped"]}
    assert dropped["blog_users"] == "of another application in the same database"
    with zipfile.ZipFile(tmp_path / "x.bundle") as bundle:
        everything = b"".join(gzip.decompress(bundle.read(one)) for one in bundle.namelist() if one.endswith(".sql.gz"))
        routines = json.loads(gzip.decompress(bundle.read("db/routines.json.gz")))
    assert b"somebody@private.example" not in everything
    assert {"blog_readers", "blog_noticed"} <= {one["name"] for one in routines}
