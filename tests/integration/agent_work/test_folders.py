"""A shop below a folder of its domain: the folder is made and taken away, and the site around it never changes."""

import json
import os

import pytest

from tests.integration.agent_work.nested import ALREADY_SERVED, Nested
from tests.integration.agent_work.test_taken_back import picture

pytestmark = pytest.mark.root
OUTER_RULES = "# mine\nRewriteEngine On\nRewriteRule ^old$ /index.html [R=301,L]\nErrorDocument 404 /index.html\n"
SOON = b"<title>soon</title>"


class Below(Nested):
    """A shop below `place` of an account's domain, whose root holds a site of its own."""

    place = "shop"

    def populate(self):
        """The site around the shop is there; return its picture."""
        (self.outer / "index.html").write_text(ALREADY_SERVED)
        (self.outer / ".htaccess").write_text(OUTER_RULES)
        self.own()
        assert self.web.get(self.domain, "/index.html") == (200, ALREADY_SERVED.encode())
        return picture(self.outer)

    def job(self, place=None, **changes):
        place = self.place if place is None else place
        self.root = self.outer / place if place else self.outer
        rules = {"keep": [], "default_pages": [], "htaccess_blocks": [], "occupied": "refuse"}
        changes.setdefault("document_root", {**rules, "folder": place} if place else rules)
        return super().job(**changes)

    def die(self, start, at):
        """Run the agent, which ends by SIGKILL before the change `at` since `start` began; tell whether it did."""
        (self.home / "kill.json").write_text(json.dumps({"from": start, "at": at}))
        self.own()
        code = self.run()
        (self.home / "kill.json").unlink()
        assert code in (-9, 0, 5)
        return code == -9

    def around(self):
        """The picture of the document root without the shop's folder."""
        first = self.place.split("/")[0]
        return {name: what for name, what in picture(self.outer).items() if name.split("/")[0] != first}

    def get(self, path):
        return self.web.get(self.domain, path)


@pytest.fixture
def below(web_server, mariadb_server, bundle, controller, keys, killable):
    shop = Below(web_server, mariadb_server, bundle, controller, keys, killable)
    yield shop
    shop.close()


@pytest.mark.parametrize("place", ["shop", "a/b.c"])
def test_the_folder_is_made_and_visitors_of_the_site_around_meet_nothing_new(below, place):
    below.place = place
    before = below.populate()
    below.drop()
    assert below.die("switch", 1)
    assert below.state["staging"].startswith(f"{below.home}/.shoplaunch-staging-")
    for path in (f"/{place}/", f"/{place}/index.php", f"/{place}/deep/er?x=1"):
        status, body = below.get(path)
        assert (status, SOON in body) == (503, True), path
    assert below.get("/index.html") == (200, ALREADY_SERVED.encode())
    assert below.get("/old")[0] == 301
    assert below.get("/none")[0] == 404
    assert below.run() == 0, below.controller.accepted("failed")
    assert (below.root / "index.php").is_file()
    assert not (below.root / ".shoplaunch-holding.html").exists()
    assert below.around() == before
    modes = {folder.stat().st_mode & 0o777 for folder in (below.root, *below.root.parents) if folder > below.outer}
    assert modes <= {0o755}
    assert below.get("/index.html") == (200, ALREADY_SERVED.encode())
    assert not below.staging_left()


@pytest.mark.parametrize("moment", ["preflight", "configure", "switch"])
def test_cancelled_the_folder_is_gone_and_everything_around_it_as_before(below, controller, moment):
    below.place = "a/b"
    before = below.populate()

    def cancel(event):
        if event["event"] == "stage_finished" and event.get("stage") == moment:
            controller.answer = lambda event: (410, {})
            return 410, {}
        return None

    controller.answer = cancel
    below.drop()
    assert below.run() == 5, below.state
    assert picture(below.outer) == before
    assert below.tables() == set() and not below.staging_left()


def test_a_folder_that_was_there_stays_and_so_does_what_came_into_a_made_one(below, controller):
    below.place = "there/new"
    below.populate()
    (below.outer / "there").mkdir(mode=0o750)
    below.own()
    below.drop()
    assert below.die("switch", 1)
    controller.answer = lambda event: (410, {})
    (below.root / "mine.txt").write_text("mine")
    below.own()
    assert below.run() == 5
    assert [path.name for path in below.root.iterdir()] == ["mine.txt"]
    assert below.around().keys() == {".htaccess", "index.html"}


def test_cancelled_in_a_folder_that_was_there_the_folder_stays_as_it_was(below, controller):
    below.populate()
    below.job()
    below.root.mkdir(mode=0o750)
    (below.root / ".htaccess").write_text("# BEGIN panel\n# END panel\n")
    below.own()
    before = picture(below.outer)
    rules = {"keep": [], "default_pages": [], "occupied": "refuse", "folder": "shop"}
    rules["htaccess_blocks"] = [{"start": "^# BEGIN panel", "end": "^# END panel"}]
    below.drop(document_root=rules)
    assert below.die("switch", 1)
    assert below.get("/shop/")[0] == 503
    controller.answer = lambda event: (410, {})
    assert below.run() == 5
    assert picture(below.outer) == before


def changes(below, start):
    """Return the changes a run makes from `start` on, as they are noted."""
    (below.home / "kill.json").write_text(json.dumps({"from": start, "at": 0}))
    below.own()
    code = below.run()
    (below.home / "kill.json").unlink()
    return code, (below.home / "changes").read_text().splitlines()


def test_killed_around_every_folder_it_makes_the_next_tick_goes_on_and_a_cancel_leaves_nothing(below, controller):
    below.place = "a/b"
    before = below.populate()
    below.drop()
    controller.answer = lambda event: (410, {}) if event.get("stage") == "unpack" else None
    code, noted = changes(below, "preflight")
    assert code == 5 and picture(below.outer) == before
    made = [number for number, line in enumerate(noted, 1) if f" mkdir {below.outer}" in line]
    assert len(made) == 2
    for at in sorted({number + step for number in made for step in (-1, 0, 1)}):
        controller.answer = lambda event: None
        below.equip()
        below.own()
        below.drop()
        assert below.die("preflight", at), at
        assert below.get("/index.html") == (200, ALREADY_SERVED.encode())
        controller.answer = lambda event: (410, {}) if event.get("stage") == "unpack" else None
        assert below.run() == 5, at
        assert picture(below.outer) == before, at


@pytest.mark.parametrize("way", ["file", "link", "occupied"])
def test_what_stands_in_the_way_is_reported_and_nothing_is_changed(below, way):
    below.populate()
    target = below.outer / "shop"
    if way == "file":
        target.write_text("mine")
    elif way == "link":
        (below.home / "elsewhere").mkdir()
        target.symlink_to(below.home / "elsewhere")
    else:
        target.mkdir()
        (target / "index.php").write_text("mine")
    below.own()
    before = picture(below.home / "public_html")
    below.drop()
    assert below.run() == 3
    assert below.state["error"]["code"] == ("docroot_occupied" if way == "occupied" else "docroot_missing")
    assert picture(below.outer) == before


def test_a_job_for_another_place_takes_page_and_folder_of_the_one_before_along(below):
    before = below.populate()
    below.drop()
    assert below.die("switch", 1)
    assert below.get("/shop/")[0] == 503
    below.id = below.id[:-1] + "z"
    below.drop(place="other")
    # The database is the earlier job's
    assert below.run() == 3
    assert below.state["error"]["code"] == "db_not_empty"
    assert picture(below.outer) == before


def test_a_job_whose_folder_is_not_the_end_of_its_path_is_refused(below):
    below.populate()
    rules = {"keep": [], "default_pages": [], "htaccess_blocks": [], "occupied": "refuse"}
    below.drop(document_root={**rules, "folder": "elsewhere"})
    assert below.run() == 3
    assert below.state["error"]["code"] == "job_invalid"
    assert sorted(os.listdir(below.outer)) == [".htaccess", "index.html"]
