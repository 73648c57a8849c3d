"""Sites whose template has addresses that need rules, and no `.htaccess`, or one for another folder."""

import pytest

from tests.support.sampling import running
from tests.support.shops.wordpress_site import run_php

ELSEWHERE = """\
Options -Indexes

# BEGIN WordPress
<IfModule mod_rewrite.c>
RewriteEngine On
RewriteBase /wordpress/
RewriteRule ^index\\.php$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /wordpress/index.php [L]
</IfModule>

# END WordPress
"""
SAVED = """
require_once ABSPATH . 'wp-admin/includes/admin.php';
$rules = explode( "\\n", $GLOBALS['wp_rewrite']->mod_rewrite_rules() );
insert_with_markers( ABSPATH . '.htaccess', 'WordPress', $rules );
"""


#: What of a template without rules, or with rules for another folder, is restored where.
WANTED = {
    "elsewhere": ("rules-elsewhere",),
    "root": ("no-rules",),
    "folder": ("no-rules", "--folder", "news/blog"),
}
RULES = {"no-rules": None, "rules-elsewhere": ELSEWHERE}


@pytest.fixture(scope="module")
def restored(request, sites):
    """Name in WANTED -> job of the site, of those that are looked at this day."""
    wanted = {name: WANTED[name] for name in running(request, "name")}
    rules = sites.site.root / ".htaccess"
    aside = rules.rename(sites.directory / "htaccess-aside")
    try:
        for bundle in {words[0] for words in wanted.values()}:
            rules.write_text(RULES[bundle]) if RULES[bundle] else rules.unlink(missing_ok=True)
            pack(sites, bundle)
    finally:
        aside.replace(rules)
    made = {name: sites.quiet_order("--bundle", *words) for name, words in wanted.items()}
    for job in made.values():
        assert sites.run_agent(job) == 0
        sites.live(job)
    return made


def pack(sites, name):
    target = sites.directory / f"{name}.bundle"
    sites.pack(target)
    sites.world.run("bundle", "add", name, str(target))


def rules_of(sites, job):
    return sites.root(job) / job["folder"] / ".htaccess"


BY_TURNS = pytest.mark.sampled(of=3, turn="rules")
NAMES = pytest.mark.parametrize("name", WANTED)


@BY_TURNS
@NAMES
def test_pages_answer_by_their_own_addresses(sites, restored, name):
    job = restored[name]
    base = f"/{job['folder']}/".replace("//", "/")
    page = sites.get(job, f"{base}saffron-garden/")
    assert page.status_code == 200 and "Saffron garden" in page.text
    missing = sites.get(job, f"{base}there-is-no-such-page/")
    assert missing.status_code == 404 and "wp-content/themes" in missing.text


@BY_TURNS
@NAMES
def test_wordpress_finds_its_own_block_and_writes_no_second_one(sites, restored, name):
    job = restored[name]
    before = rules_of(sites, job).read_bytes()
    run_php(sites.site.socket, sites.root(job) / job["folder"], SAVED)
    assert before.count(b"# BEGIN WordPress\n") == 1
    assert rules_of(sites, job).read_bytes() == before


@pytest.mark.sampled(of=3, rests=True, turn="rules")
@pytest.mark.parametrize("name", ["elsewhere"])
def test_the_owners_lines_around_a_block_for_another_folder_stay(sites, restored, name):
    text = rules_of(sites, restored[name]).read_text()
    assert "Options -Indexes\n" in text and "/wordpress/" not in text
