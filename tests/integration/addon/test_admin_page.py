"""The administrator sees every shop with stage, error and advice, and runs a failed step again."""

import pytest

from tests.integration.addon.forms import form, forms

PAGE = "/admin/addonmodules.php"


def admin_page(whmcs, **more):
    return whmcs.page(PAGE, module="shoplaunch", admin=1, **more)


@pytest.fixture
def failed(whmcs, site, job_of):
    """(WHMCS, service, job): the job failed at the step `privileges`."""
    _order, service = whmcs.order()
    whmcs.create(service)
    job = job_of(service)
    site.fail(job, "privileges", "privileges_missing", "the <b>database</b> user has none")
    whmcs.due_now()
    whmcs.cron()
    return whmcs, service, job


def test_a_failed_job_is_shown_with_stage_error_and_advice(failed):
    whmcs, service, job = failed
    text = admin_page(whmcs).text
    for said in (
        job.domain,
        "Failed",
        "Privileges <bdi>31%</bdi>",
        "privileges_missing",
        "see the catalogue",
        f"id={service}",
    ):
        assert said in text
    assert "&lt;b&gt;database&lt;/b&gt;" in text and "<b>database" not in text
    assert f"/admin/jobs/{job.id}" in text


def test_retry_runs_exactly_the_failed_step_at_the_controller(failed, job_of):
    whmcs, service, _job = failed
    page = admin_page(whmcs)
    assert "Retry: Privileges" in page.text
    fields = form(page, "retry", step="privileges")
    done = whmcs.page(PAGE + "?module=shoplaunch", admin=1, post=fields)
    assert "the step runs again" in done.text
    assert job_of(service).state != "failed"
    assert not [one for one in forms(admin_page(whmcs)) if one["do"] == "retry"]


def test_a_retry_that_is_refused_says_why(failed, site, job_of):
    whmcs, service, job = failed
    fields = form(admin_page(whmcs), "retry")
    site.put(job, "live")
    done = whmcs.page(PAGE + "?module=shoplaunch", admin=1, post=fields)
    assert "did not retry" in done.text
    assert job_of(service).state == "live"


def test_nothing_is_changed_without_the_token(failed, job_of):
    whmcs, service, _job = failed
    fields = form(admin_page(whmcs), "retry")
    for token in ("", "csrf-wrong"):
        answer = whmcs.page(PAGE + "?module=shoplaunch", admin=1, post={**fields, "token": token})
        assert (answer.status, answer.text) == (403, "Invalid Token")
    assert job_of(service).state == "failed"
    assert whmcs.page(PAGE, module="shoplaunch", admin=1, do="retry", id=service).status == 200
    assert job_of(service).state == "failed"


def test_the_page_is_persian_and_right_to_left_for_a_persian_administrator(failed):
    whmcs, _service, _job = failed
    text = admin_page(whmcs, language="farsi").text
    assert 'class="shoplaunch-admin" dir="rtl" lang="fa"' in text
    for word in ("ناموفق", "تلاش دوباره: دسترسی‌ها", "۳۱٪"):
        assert word in text


def test_settings_that_cannot_work_are_named(bare):
    bare.activate(products="3 = boutique\nclassic\n7 =")
    text = admin_page(bare).text
    assert "is not set" in text and "classic · 7 =" in text
    assert "No service with a shop has been ordered yet" in text


def test_a_service_whose_server_is_unknown_can_be_retried_once_it_is_known(whmcs, site, job_of):
    import time

    from controller.db.connection.engine import transact
    from controller.db.machines import servers
    from controller.db.machines.servers import Server

    whmcs.query("UPDATE tblservers SET hostname = 'web7.example.net'")
    _order, service = whmcs.order()
    whmcs.create(service)
    assert whmcs.queue()[0]["state"] == "refused"
    page = admin_page(whmcs)
    assert "server_unknown" in page.text
    server = Server("web7", "local", url="https://web7.example.net:2087")
    transact(site.service.installation.engine, lambda connection: servers.add(connection, server, time.time()))
    whmcs.page(PAGE + "?module=shoplaunch", admin=1, post=form(page, "send"))
    assert job_of(service).server == "web7"
    assert [row["state"] for row in whmcs.queue()] == ["taken"]


def test_many_services_come_in_pages(watched, controller):
    for _number in range(30):
        _order, service = watched.order()
        client = watched.rows("tblhosting", id=service)[0]["userid"]
        watched.insert("mod_shoplaunch_services", service_id=service, client_id=client, account="created")
    first, second = admin_page(watched), admin_page(watched, page=2)
    assert (first.text.count("data-service="), second.text.count("data-service=")) == (25, 5)
    assert "page=2" in first.text and "page=1" in second.text
