"""WordPress's own block of `.htaccess`: written where addresses need it and the file has none, or one for elsewhere."""

import pytest

from controller.recipes.tree.htaccess import PROOFS, OwnersRules
from controller.recipes.wordpress.files.htaccess import OwnBlock

NONCE = "1a2b3c4d"
BASE = b"@@SL1a2b3c4d:base_uri:raw@@"
OWNERS = b"Options -Indexes\nRedirect 301 /old /new\n"
WRITTEN = "WordPress's own rules are written"
ELSEWHERE = "WordPress's own rules named another folder"


def block(base_uri="/", permalinks=b"/%postname%/", version=(6, 8, 1)):
    return OwnBlock(version, base_uri, permalinks)


def copied(base_uri):
    """Return the lines as people copy them, without the comments around them."""
    lines = block(base_uri).text().splitlines()
    return b"\n".join(line for line in lines if line and not line.startswith(b"#")) + b"\n"


@pytest.mark.parametrize("permalinks", [b"/%postname%/", b"/%year%/%postname%", b"/archives/%post_id%"])
def test_addresses_that_need_rules_get_them_after_the_owners_lines(permalinks):
    made = block("/tea/", permalinks)
    assert made.put_into(OWNERS) == OWNERS + b"\n" + made.text() + b"\n"
    assert made.put_into(b"") == made.text() + b"\n"
    assert [one.partition(":")[0] for one in made.warnings(OWNERS)] == [WRITTEN]


@pytest.mark.parametrize("permalinks", [b"", b"/index.php/%postname%/", b"index.php/%post_id%"])
@pytest.mark.parametrize("content", [b"", OWNERS, block("/elsewhere/").text() + b"\n"])
def test_where_no_address_needs_rules_none_are_written(permalinks, content):
    made = block(permalinks=permalinks)
    assert not made.is_needed and made.put_into(content) is content and made.warnings(content) == []


def test_the_block_is_the_one_of_wordpress_to_the_letter():
    assert block("/tea/").text().decode() == (
        "# BEGIN WordPress\n"
        '# The directives (lines) between "BEGIN WordPress" and "END WordPress" are\n'
        "# dynamically generated, and should only be modified via WordPress filters.\n"
        "# Any changes to the directives between these markers will be overwritten.\n"
        "<IfModule mod_rewrite.c>\nRewriteEngine On\n"
        "RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]\n"
        "RewriteBase /tea/\nRewriteRule ^index\\.php$ - [L]\n"
        "RewriteCond %{REQUEST_FILENAME} !-f\nRewriteCond %{REQUEST_FILENAME} !-d\n"
        "RewriteRule . /tea/index.php [L]\n</IfModule>\n\n# END WordPress"
    )


@pytest.mark.parametrize(
    ("version", "authorization", "comments"),
    [((4, 6, 1), False, b""), ((5, 3), False, b"`BEGIN"), ((5, 5, 3), False, b'"BEGIN'), ((5, 6), True, b'"BEGIN')],
)
def test_each_version_writes_its_own(version, authorization, comments):
    text = block(version=version).text()
    assert (b"HTTP_AUTHORIZATION" in text) is authorization
    assert (b"between " + comments in text) if comments else (b"between" not in text)


@pytest.mark.parametrize("base_uri", ["/", "/tea/", "/tea/two/"])
@pytest.mark.parametrize("version", [(4, 0), (5, 4), (6, 9)])
def test_a_block_that_does_stays_to_the_letter_whatever_somebody_put_into_it(base_uri, version):
    own = block(base_uri, version=version).text()
    for kept in (
        own,
        own.replace(b"\n", b"\r\n"),
        own.replace(b"RewriteEngine On", b"RewriteEngine On\nRewriteRule ^a b"),
    ):
        content = OWNERS + b"\n" + kept + b"\nErrorDocument 403 /no.html\n"
        assert block(base_uri).put_into(content) is content and block(base_uri).warnings(content) == []


@pytest.mark.parametrize(("named", "base_uri"), [("/wordpress/", "/"), ("/", "/tea/"), ("/tea/", "/tea/two/")])
def test_a_block_for_another_folder_is_written_anew_in_its_place(named, base_uri):
    made = block(base_uri)
    old = block(named, version=(4, 9)).text().replace(b"RewriteBase", b"RewriteRule ^a$ /b [L]\nRewriteBase")
    end = b"ErrorDocument 403 /no.html\n"
    content = OWNERS + b"\n" + old + b"\n\n" + end
    assert made.put_into(content) == OWNERS + b"\n" + made.text() + b"\n\n" + end
    said, lost = made.warnings(content)
    assert said.startswith(ELSEWHERE) and lost.endswith("left out:\nRewriteRule ^a$ /b [L]")


@pytest.mark.parametrize("line", [b"RewriteBase /tea/", b"RewriteRule . /tea/index.php [L]"])
def test_one_of_its_lines_for_another_folder_is_enough(line):
    old = block("/").text().replace(line.replace(b"/tea/", b"/"), line)
    assert block("/").put_into(old) == block("/").text() + b"\n"


def test_an_emptied_block_is_filled():
    content = b"# BEGIN WordPress\n# nothing here\n\n# END WordPress\n" + OWNERS
    assert block().put_into(content) == block().text() + b"\n\n" + OWNERS
    assert [one.partition(":")[0] for one in block().warnings(content)] == [WRITTEN]


def test_of_two_blocks_one_stays():
    content = block("/tea/").text() + b"\n" + OWNERS + block("/").text() + b"\n"
    assert block("/").put_into(content) == block("/").text() + b"\n\n" + OWNERS


def test_the_lines_without_their_comments_do_as_well_where_they_name_the_folder():
    for content in (
        copied("/tea/"),
        copied("/tea/").replace(b"<IfModule mod_rewrite.c>\n", b"").replace(b"</IfModule>\n", b""),
    ):
        assert block("/tea/").put_into(OWNERS + content) == OWNERS + content
        assert block("/").put_into(OWNERS + content) == OWNERS + b"\n" + block("/").text() + b"\n"


def test_blocks_of_plug_ins_with_such_a_name_are_the_owners():
    other = b"# BEGIN WordPress HTTPS\nRewriteRule ^a$ /wordpress/index.php [L]\n# END WordPress HTTPS\n"
    assert block().put_into(other) == other + b"\n" + block().text() + b"\n"


@pytest.mark.parametrize("base_uri", ["/", "/tea/"])
def test_the_folder_of_the_new_site_comes_in_where_it_is_named(base_uri):
    rules = OwnersRules(["template.example"], base_uri, NONCE)
    written = rules.template(b".htaccess", block(base_uri).put_into(b""), bytes)
    assert written.startswith(PROOFS) and written.count(BASE) == 2
    assert b"RewriteBase " + BASE + b"\n" in written and b"RewriteRule . " + BASE + b"index.php [L]\n" in written


def test_a_block_without_its_end_does_not_take_the_owners_lines_with_it():
    content = b"# BEGIN WordPress\n" + OWNERS + block("/tea/").text() + b"\n"
    assert block("/").put_into(content) == b"# BEGIN WordPress\n" + OWNERS + b"\n" + block("/").text() + b"\n"
