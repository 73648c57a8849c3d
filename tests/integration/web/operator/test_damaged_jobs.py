"""Pages show a job whose record is damaged, and all others as if it were not there."""

import json

import sqlalchemy as sa

from controller.db import tables
from controller.db.connection.engine import transact

TIMEOUT = 120


def test_a_job_whose_record_is_damaged_is_marked_in_the_list_and_its_own_page_says_what_it_is(site, operator):
    job = site.order("damaged.example")
    engine, row = site.service.installation.engine, tables.jobs.c.id == job.id

    def store(facts):
        change = sa.update(tables.jobs).where(row).values(facts=json.dumps(facts))
        transact(engine, lambda connection: connection.execute(change))

    store({**job.facts, "account": {"user": "alice"}})
    try:
        page = operator.get(site.url + "/admin/jobs", timeout=TIMEOUT)
        assert page.status_code == 200 and "database_damaged" in page.text
        own = operator.get(f"{site.url}/admin/jobs/{job.id}", timeout=TIMEOUT)
        assert own.status_code == 503 and "database is damaged" in own.text
    finally:
        store(job.facts)
    assert "database_damaged" not in operator.get(site.url + "/admin/jobs", timeout=TIMEOUT).text
