"""A variant of a WordPress, ordered by its name, is what visitors see; an order without one is the template."""

from tests.integration.wordpress.conftest import PICTURE, TAGLINE, TITLE, VARIANT


def seen(sites, job):
    """Return what the site shows in the places the variant changes: (front page, post, the post's picture)."""
    picture = sites.get(job, f"/wp-content/uploads/{sites.site.facts['picture']}")
    front, post = sites.get(job), sites.get(job, "/saffron-garden/")
    assert {answer.status_code for answer in (front, post, picture)} == {200}
    return front.text, post.text, picture.content


def test_a_variant_ordered_by_its_name_shows_its_option_its_row_and_its_file(sites):
    job = sites.quiet_order("--variant", VARIANT)
    assert sites.run_agent(job) == 0
    assert sites.live(job)["variant"] == VARIANT
    front, post, picture = seen(sites, job)
    assert f"{TAGLINE}</title>" in front
    assert TITLE in post and "Saffron garden" not in post
    assert picture == PICTURE


def test_an_order_without_a_variant_shows_nothing_of_it(sites, pair):
    for job, shown in pair:
        assert shown["variant"] is None
        front, post, picture = seen(sites, job)
        assert TAGLINE not in front
        assert "Saffron garden" in post and TITLE not in post
        assert picture == (sites.site.root / "wp-content" / "uploads" / sites.site.facts["picture"]).read_bytes()
