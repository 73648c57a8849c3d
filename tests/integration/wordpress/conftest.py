"""A Shoplaunch with two bundles, the WordPress site and the sample shop, and two sites started by cron."""

import json
import zipfile

import pytest

from tests.support.shops import sample_shop
from tests.support.shops.real_variant import picture
from tests.support.shops.wordpress_site import Site
from tests.support.worlds.whole import BUNDLE, SERVER, Whole

WORDPRESS = "site"
SITE_NAME = "Tea & 'Saffron' فروشگاه"
#: The one variant, and what it changes: an option, a post's title by a row, and the post's picture by a file.
VARIANT, TAGLINE, TITLE = "evening", "Open until the lanterns go out", "Lantern garden"
PICTURE = picture(37, 23)


class Sites(Whole):
    """A world whose bundle `site` is packed from a template that was installed in the world's own database server."""

    def start(self):
        """Everything runs; both bundles, server and skeleton are known."""
        self.operator = self.world.start()
        url, password = self.world.database("slwp_7_template")
        root = self.directory / "site-template" / "public_html"
        root.parent.mkdir(mode=0o755)
        self.site = Site(root, "slwp_7_template", "slwp_7_template", password, self.world.stack.mariadb_socket)
        self.site.install()
        self.url = url
        self.variants = write_variants(self.site, self.directory)
        self.bundle = self.directory / "site.bundle"
        self.pack(self.bundle)
        self.world.run("bundle", "add", WORDPRESS, str(self.bundle))
        self.world.run("server", "add", SERVER, "--panel", "local")
        self.world.run("skeleton", "install", SERVER)
        return self

    def pack(self, target):
        """Pack the site into `target`, without saying what it is."""
        self.world.pack(self.site.root, self.url, self.site.password, target, self.variants)

    def order(self, *more, account=None, domain=None, email=None):
        """Order a site; return the job as `order --json`."""
        names = ["--bundle", WORDPRESS, "--first-name", "Dana", "--last-name", "O'Neil"]
        return super().order(*names, *more, account=account, domain=domain, email=email)

    def php(self, job, code):
        """Run `code` within the job's WordPress as its account; return what it prints, read as JSON."""
        entry = self.identity(job)
        drop = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        root = self.root(job) / job["folder"]
        return json.loads(self.site.php(f"echo wp_json_encode({code});", root, drop))


def write_variants(site, folder):
    """Write the file that declares the variant, and next to it its files; return its path."""
    target = folder / VARIANT / "wp-content" / "uploads" / site.facts["picture"]
    target.parent.mkdir(parents=True)
    target.write_bytes(PICTURE)
    declared = folder / "variants.toml"
    declared.write_text(
        f'[{VARIANT}]\ntitle = "Evening"\nconfiguration = {{ blogdescription = "{TAGLINE}" }}\nfiles = "{VARIANT}"\n'
        f'[[{VARIANT}.rows]]\ntable = "posts"\nwhere = {{ ID = {site.facts["post"]} }}\n'
        f'set = {{ post_title = "{TITLE}" }}\n'
    )
    return declared


@pytest.fixture(scope="package")
def sites():
    made = Sites()
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture(scope="package")
def manifest(sites):
    with zipfile.ZipFile(sites.bundle) as bundle:
        return json.loads(bundle.read("manifest.json"))


@pytest.fixture(scope="package")
def agents(sites):
    """(agent in an account ordered for the sample shop, agent in one ordered for WordPress), as bytes."""
    root, url, password = sites.world.install_sample(pictures_of=sample_shop.pictures())
    sample = sites.directory / "sample.bundle"
    sites.world.pack(root, url, password, sample)
    sites.world.run("bundle", "add", BUNDLE, str(sample))
    found = []
    for bundle in (BUNDLE, WORDPRESS):
        job = sites.quiet_order("--bundle", bundle)
        found.append((sites.folder(job) / "agent.pyz").read_bytes())
        sites.world.run("cancel", job["id"], "--yes")
    return tuple(found)


@pytest.fixture(scope="package")
def pair(sites):
    """Two sites started by cron as (job, shown) pairs, the second in Persian, for Iran, its domain in that script."""
    persian = ("--language", "fa", "--country", "IR")
    jobs = [sites.order("--option", "time_zone=Asia/Tokyo")]
    jobs.append(sites.order(*persian, domain=f"وبلاگ.{sites.prefix}.localhost"))
    return [(job, sites.live(job, 400)) for job in jobs]
