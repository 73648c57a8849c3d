"""What follow-up jobs will do to a client's shop is tried when its bundle is packed."""

import pytest

from shared.errors import ShoplaunchError
from shared.placeholders import token
from tests.support.shops.packing import PlainPlan, packed

NONCE = PlainPlan().nonce
SETTINGS = """CREATE TABLE settings (id int NOT NULL, value text, PRIMARY KEY (id)) ENGINE=InnoDB;
INSERT INTO settings VALUES (1,'Old'),(2,'shop.template.example'),(3,'0');
"""


@pytest.fixture
def manifest_with(docroot, tmp_path, url_of):
    """A function: pack the document root with a dump and these follow-up jobs; return the manifest."""

    def pack(**jobs):
        dump = tmp_path / "shop.sql"
        dump.write_text(SETTINGS)
        return packed(docroot, tmp_path / "shop.bundle", WithJobs(**jobs), dump=dump, scratch=url_of()).manifest

    return pack


def statement(sql, **more):
    return {"sql": sql, "params": [], **more}


class WithJobs(PlainPlan):
    """A plan whose shops have follow-up jobs."""

    def __init__(self, **jobs):
        super().__init__()
        self.jobs = jobs

    def manifest(self):
        return {**super().manifest(), "jobs": self.jobs}


def edit(old, new, path="index.php", **more):
    return {"path": path, "old": old, "new": new, **more}


def job(*statements, edits=(), **more):
    return {"statements": list(statements), "edits": list(edits), **more}


HERE = "http://" + token(NONCE, "domain").decode()


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ({"remove": job(statement("UPDATE absent SET a=1"))}, "remove: statement 1"),
        ({"remove": job(statement("UPDATE settings SET value='x' WHERE id=99", min_rows=1))}, "changed 0 rows"),
        ({"remove": job(statement("UPDATE settings SET value='x' WHERE id=1", check={
            "sql": "SELECT value FROM settings WHERE id=1", "params": [], "expect": ["y"]}))}, "cannot be read back"),
        ({"https_on": job(statement("UPDATE settings SET value='x'"), back=[statement("UPDATE gone SET a=1")])},
         "https_on: statement 1"),
        ({"https_on": job(statement("UPDATE settings SET value='x'"))}, "does not describe how it is rolled back"),
        ({"https-on": job(statement("UPDATE settings SET value='x'"))}, "there is no follow-up job"),
        ({"remove": job()}, "does nothing"),
        ({"remove": job(edits=[edit("no such text", "x")])}, "0 times"),
        ({"remove": job(edits=[edit(HERE, "x", count=2)])}, "1 times"),
        ({"remove": job(edits=[edit("shop.template.example", "x")])}, "0 times"),
        ({"remove": job(edits=[edit("echo", "x", path="nowhere.php")])}, "nowhere.php"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)  # fmt: skip
def test_a_follow_up_job_that_would_fail_in_a_clients_shop_fails_when_it_is_packed(manifest_with, jobs, expected):
    with pytest.raises(ShoplaunchError) as error:
        manifest_with(**jobs)
    assert error.value.code == "recipe_invalid" and expected in error.value.message


def test_follow_up_jobs_that_fit_are_tried_and_leave_nothing_of_the_trial(manifest_with):
    change, back = (statement(f"UPDATE settings SET value='{value}' WHERE id=3", min_rows=1) for value in ("1", "0"))
    plain = manifest_with()
    manifest = manifest_with(https_on=job(change, back=[back], edits=[edit(HERE, "https://x")]))
    assert manifest["tables"] == plain["tables"]
    assert list(manifest["jobs"]) == ["https_on"]
