"""A WordPress below a folder: from the root of a domain into one, from there into another and to the root again."""

import os

import pytest

from tests.support.sampling import running
from tests.support.traces import Traces

AROUND = "<h1>The site around the blog</h1>"


@pytest.fixture(scope="module")
def moved(request, sites):
    """Name -> job of a site restored into a folder, and of those made of it that are looked at this day: in another
    folder, and at the root."""
    made_of_it = [name for name in ("across", "up") if name in running(request, "name")]
    first = restored(sites, "--folder", "news/blog")
    if not made_of_it:
        return {"folder": first}
    target = sites.directory / "in-folder.bundle"
    access = f"mysql://root@localhost/{sites.database(first)}?unix_socket={sites.world.stack.mariadb_socket}"
    sites.world.pack(sites.root(first) / "news" / "blog", access, "", target)
    sites.world.run("bundle", "add", "in-folder", str(target))
    places = {"across": ("--folder", "texts"), "up": ()}
    return {"folder": first, **{name: restored(sites, "--bundle", "in-folder", *places[name]) for name in made_of_it}}


def restored(sites, *words):
    """Order a site into an account and let its agent do its work; return the job."""
    job = sites.quiet_order(*words)
    if "--folder" in words:
        page = sites.root(job) / "index.html"
        page.write_text(AROUND)
        os.chown(page, sites.identity(job).pw_uid, sites.identity(job).pw_gid)
    assert sites.run_agent(job) == 0
    sites.live(job)
    return job


def home_of(sites, job):
    return f"http://{job['domain']}:{sites.world.stack.http_port}" + (f"/{job['folder']}" if job["folder"] else "")


BY_TURNS = pytest.mark.sampled(of=3, rests=True, turn="moved")
NAMES = pytest.mark.parametrize("name", ["across", "up", "folder"])


@BY_TURNS
@NAMES
def test_pages_permalinks_pictures_and_the_login_are_answered_there(sites, moved, name):
    job = moved[name]
    home, base = home_of(sites, job), f"/{job['folder']}/".replace("//", "/")
    page = sites.get(job, f"{base}saffron-garden/")
    assert page.status_code == 200 and "Saffron garden" in page.text
    assert f"{home}/wp-content/uploads/{sites.site.facts['picture']}" in page.text
    picture = sites.get(job, f"{base}wp-content/uploads/{sites.site.facts['picture']}")
    assert picture.headers["Content-Type"] == "image/png"
    moved_on = sites.get(job, f"{base}?p={sites.site.facts['post']}")
    assert moved_on.headers["Location"] == f"{home}/saffron-garden/"
    assert f'action="{home}/wp-login.php"' in sites.get(job, f"{base}wp-login.php").text
    assert sites.get(job, f"{base}wp-admin/").headers["Location"].startswith(f"{home}/wp-login.php?")
    assert sites.get(job, f"{base}there-is-no-such-page").status_code == 404
    assert f"RewriteBase {base}\n" in (sites.root(job) / job["folder"] / ".htaccess").read_text()


@BY_TURNS
@NAMES
def test_wordpress_itself_reads_everything_under_the_address_with_the_folder(sites, moved, name):
    job = moved[name]
    home, post = home_of(sites, job), sites.site.facts["post"]
    found = sites.php(
        job,
        "array('home' => home_url(), 'site' => site_url(), 'cookies' => array(COOKIEPATH, SITECOOKIEPATH),"
        f" 'places' => get_option('sample_places'), 'meta' => get_post_meta({post}, 'places', true),"
        f" 'builder' => json_decode(get_post_meta({post}, '_elementor_data', true), true),"
        " 'widget' => get_option('widget_text')[2]['text'])",
    )
    assert (found["home"], found["site"]) == (home, home)
    assert found["cookies"] == [f"/{job['folder']}/".replace("//", "/")] * 2
    assert found["places"]["زعفران"] == f"{home}/زعفران/"
    assert f"{home}/json/" in found["places"]["json"].replace("\\/", "/")
    assert found["places"]["mail"] == f"info@{job['domain']}:{sites.world.stack.http_port}"
    assert found["meta"]["url"] == f"{home}/places/" and f'"{home}"' in found["meta"]["deep"]
    assert found["builder"][0]["settings"]["editor"].startswith(f'<a href="{home}/shop/">')
    assert found["widget"] == f'<a href="{home}/find-us/">here</a>'


@BY_TURNS
@pytest.mark.parametrize("name", ["across", "folder"])
def test_the_site_around_stays(sites, moved, name):
    job = moved[name]
    assert sites.get(job, "/").text == sites.get(job, "/index.html").text == AROUND
    assert {path.name for path in sites.root(job).iterdir()} == {"index.html", job["folder"].split("/")[0]}


@BY_TURNS
@pytest.mark.parametrize("name", ["across", "up"])
def test_nothing_of_the_first_site_is_left_in_those_made_of_it(sites, moved, name):
    first, job = moved["folder"], moved[name]
    traces = Traces({"domain": first["domain"], "root": str(sites.root(first)), "folder": "/news/blog"})
    assert traces.in_tree(sites.root(job)) == []
    assert traces.in_database(sites.world.stack.mariadb_socket, sites.database(job)) == set()
