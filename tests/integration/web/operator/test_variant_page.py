"""The operator's page of a job tells which variant of the bundle was chosen."""

import dataclasses

import pytest

from controller.db import bundles
from controller.db.connection.engine import transact

TIMEOUT = 120


@pytest.mark.sampled(of=3, rests=True)
def test_the_jobs_page_names_the_variant_that_was_chosen(site):
    bundle = site.service.installation.bundles.get("boutique")
    looks = dataclasses.replace(bundle, name="looks", variants=[{"name": "fashion", "title": "Fashion"}])
    transact(site.service.installation.engine, lambda connection: bundles.add(connection, looks))
    chosen, plain = site.order(bundle="looks", variant="Fashion"), site.order(bundle="looks")
    operator = site.signed_in()
    page = operator.get(f"{site.url}/admin/jobs/{chosen.id}", timeout=TIMEOUT).text
    assert "<dt>Variant</dt><dd><bdi>fashion</bdi></dd>" in page
    assert "<dt>Variant</dt>" not in operator.get(f"{site.url}/admin/jobs/{plain.id}", timeout=TIMEOUT).text
