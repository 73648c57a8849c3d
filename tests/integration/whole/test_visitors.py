"""What visitors meet while the shop is being built, through real Apache: never half a shop."""

import subprocess

import pytest


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize(("language", "direction"), [("en", "ltr"), ("fa", "rtl")])
def test_visitors_get_the_503_page_in_the_orders_language_until_the_shop_is_complete(whole, language, direction):
    job = whole.quiet_order("--language", language)
    whole.stopped_in_the_import(job)
    for path in ("/", "/index.php", "/img/p/1/1.jpg", "/a/deep/page?x=1", "/.shoplaunch-holding.html"):
        page = whole.get(job, path)
        if path != "/.shoplaunch-holding.html":
            assert page.status_code == 503, path
            assert int(page.headers["Retry-After"]) > 0
            assert "no-store" in page.headers["Cache-Control"]
        assert f'lang="{language}"' in page.text and f'dir="{direction}"' in page.text, path
    assert whole.run_agent(job) == 0
    whole.live(job)
    page = whole.get(job)
    assert page.status_code == 200
    assert "Retry-After" not in page.headers
    assert whole.get(job, "/.shoplaunch-holding.html").status_code == 404


@pytest.mark.sampled(of=2, rests=True)
def test_certificate_challenges_are_answered_meanwhile(whole):
    job = whole.quiet_order()
    whole.stopped_in_the_import(job)
    folder = whole.root(job) / ".well-known/acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token").write_text("the answer")
    subprocess.run(["chown", "-R", f"{job['account']}:", str(whole.root(job) / ".well-known")], check=True)
    answer = whole.get(job, "/.well-known/acme-challenge/token")
    assert (answer.status_code, answer.text) == (200, "the answer")
    assert whole.get(job, "/.well-known/acme-challenge/none").status_code == 404
    assert whole.get(job).status_code == 503
    assert whole.run_agent(job) == 0
    whole.live(job)
    assert whole.get(job, "/.well-known/acme-challenge/token").text == "the answer"
