"""Which PHP a WordPress runs on: what its release is for, what its plug-ins and theme ask for, and what these call."""

import pytest

from controller.recipes.wordpress import php_versions
from tests.unit.bundles.rewrite.helpers import serialize

#: Release, the oldest PHP it is for, the newest its plug-ins of then are fit for (None: the same as), and the newest.
RELEASES = [
    ("4.0", "5.2.4", None, "5.5"), ("4.1.40", "5.2.4", None, "5.6"), ("4.6.1", "5.2.4", None, "7.0"),
    ("4.8", "5.2.4", None, "7.1"), ("4.9.26", "5.2.4", None, "7.2"), ("5.0", "5.2.4", None, "7.3"),
    ("5.1.16", "5.2.4", None, "7.3"), ("5.2", "5.6.20", None, "7.3"), ("5.3.2", "5.6.20", None, "7.4"),
    ("5.5.1", "5.6.20", None, "7.4"), ("5.6", "5.6.20", "7.4", "8.0"), ("5.8.9", "5.6.20", "7.4", "8.0"),
    ("5.9", "5.6.20", "7.4", "8.1"), ("6.0", "5.6.20", "7.4", "8.1"), ("6.2.2", "5.6.20", "7.4", "8.2"),
    ("6.3", "7.0.0", "8.1", "8.2"), ("6.5", "7.0.0", "8.1", "8.3"), ("6.6", "7.2.24", "8.2", "8.3"),
    ("6.7.2", "7.2.24", "8.2", "8.4"), ("6.8", "7.2.24", "8.3", "8.4"), ("6.9", "7.2.24", "8.3", "8.5"),
    ("7.0", "7.4", "8.3", "8.5"),
]  # fmt: skip
PLUGIN = "wp-content/plugins/tea/tea.php"
THEME = "wp-content/themes/leaf"


@pytest.fixture
def site(tmp_path):
    """A WordPress 6.2 with one active plug-in, one that is not, and a theme; each file may be written anew."""
    return Site(tmp_path)


def _list(*values):
    return serialize(dict(enumerate(values)))


class Site:
    def __init__(self, root):
        self.root = root
        self.options = {
            "active_plugins": _list(b"tea/tea.php", b"gone/gone.php"), "template": b"leaf", "stylesheet": b"leaf",
        }  # fmt: skip
        self.release("6.2.2", "5.6.20")
        self.write(PLUGIN, "<?php\n/*\n * Plugin Name: Tea\n */\n")
        self.write("wp-content/plugins/idle/idle.php", "<?php\n// Requires PHP: 8.1\ncreate_function( '', '' );\n")

    def release(self, version, required=None):
        line = f"$required_php_version = '{required}';\n" if required else ""
        self.write("wp-includes/version.php", f"<?php\n$wp_version = '{version}';\n{line}")

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def php(self):
        return php_versions.needs_of(self.root, self.options)

    def span(self):
        found = self.php().needs
        return found.minimum, found.maximum


@pytest.mark.parametrize(("version", "minimum", "preferred", "maximum"), RELEASES)
def test_every_release_has_the_range_it_is_for(site, version, minimum, preferred, maximum):
    site.release(version)
    found = site.php().needs
    assert (found.minimum, found.preferred, found.maximum) == (minimum, preferred, maximum)


@pytest.mark.parametrize(("asked", "preferred"), [("7.2", "7.4"), ("7.4", "7.4"), ("7.4.3", "7.4"), ("8.0", None)])
def test_none_is_preferred_that_a_plugin_does_not_run_on(site, asked, preferred):
    site.write(PLUGIN, f"<?php\n/*\nRequires PHP: {asked}\n*/\n")
    assert site.php().needs.preferred == preferred


def test_what_the_code_itself_asks_for_counts_before_the_table(site):
    site.release("6.2.2", "7.1.5")
    assert site.span() == ("7.1.5", "8.2")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (PLUGIN, "<?php\n/**\n * Plugin Name: Tea\n * Requires PHP:      7.4\n */\n"),
        (PLUGIN, "<?php /*\r\nPlugin Name: Tea\r\nRequires PHP: 7.4\r\n*/"),
        ("wp-content/plugins/tea/readme.txt", "=== Tea ===\nRequires at least: 5.0\nRequires PHP: 7.4\n"),
        (
            "wp-content/plugins/tea/vendor/composer/platform_check.php",
            "<?php\nif (!(PHP_VERSION_ID >= 70400)) {\n    $issues[] = 'your version';\n}\n",
        ),
        (f"{THEME}/style.css", "/*\nTheme Name: Leaf\nRequires PHP: 7.4\n*/\n"),
    ],
    ids=["header", "carriage returns", "readme", "composer", "theme"],
)
def test_plugins_and_theme_may_ask_for_a_newer_php_than_wordpress(site, path, text):
    site.write(path, text)
    assert site.span() in {("7.4", "8.2"), ("7.4.0", "8.2")}


@pytest.mark.parametrize("said", ["5.2", "any", "", "99"])
def test_what_they_ask_for_is_no_less_than_wordpress_and_no_nonsense(site, said):
    site.write(PLUGIN, f"<?php\n/*\nRequires PHP: {said}\n*/\n")
    assert site.span() == ("5.6.20", "8.2")


def test_a_plugin_that_asks_for_more_than_the_release_is_for_gets_it(site):
    site.release("5.5.1", "5.6.20")
    site.write(PLUGIN, "<?php\n/*\nRequires PHP: 8.1.2\n*/\n")
    assert site.span() == ("8.1.2", "8.1")


OLD = "<?php\n/* Plugin Name: Tea */\nadd_action( 'init', {} );\n"


@pytest.mark.parametrize(
    "path", [PLUGIN, "wp-content/plugins/tea/inc/a.php", f"{THEME}/functions.php", "wp-content/mu-plugins/own.php"]
)
@pytest.mark.parametrize(
    "call",
    [
        "create_function( '', 'return 1;' )", "@create_function('$a', $b)", "1 ); while (list($k, $v)=each($a)) f(",
        "$text{0}", "$text{ $at + 1 }", "$row['name']{0}", "$this->text{-1}", "f( $rows[ $at ]{strlen( $x )} )",
    ],
)  # fmt: skip
def test_calls_that_php_8_does_not_have_keep_the_site_below_it(site, path, call):
    site.write(path, OLD.replace("{}", call))
    assert site.span() == ("5.6.20", "7.4")
    assert list(site.php().outdated) == [path.encode()] and site.php().needs.preferred is None


@pytest.mark.parametrize(
    "call",
    [
        "$it->create_function( 1 )", "Tea::create_function( 1 )", "'create_function( 1 )'", "/* create_function() */ 1",
        "$it->{$name}", "${'name'}", '"$a{$b}"', "new class extends Tea{ }", "<<<'END'\n[0-9]{4}\nEND\n",
        "my_create_function( 1 )", "1 ); // create_function( '', '' ); \n",
        "1 ); ?> list( $a, $b ) = each( y ); <?php f(",
    ],
)  # fmt: skip
def test_what_is_only_called_alike_keeps_nobody_below_php_8(site, call):
    site.write(PLUGIN, OLD.replace("{}", call))
    assert site.span() == ("5.6.20", "8.2") and not site.php().outdated


@pytest.mark.parametrize(
    "text",
    [
        "if ( version_compare( PHP_VERSION, '5.3', '<' ) ) { create_function( '', '' ); }",
        "if ( function_exists( 'create_function' ) ) { create_function( '', '' ); }",
        "function create_function( $a, $b ) {}",
    ],
)
def test_who_asks_before_calling_is_fit_for_php_8(site, text):
    site.write(PLUGIN, "<?php\n" + text)
    assert site.span() == ("5.6.20", "8.2")


def test_calls_of_a_plugin_that_asks_for_php_8_are_none(site):
    site.write(PLUGIN, OLD.replace("{}", "create_function( '', '' )").replace("Plugin", "Requires PHP: 8.0\nPlugin"))
    assert site.span() == ("8.0", "8.2")


def test_themes_and_plugins_outside_of_their_folder_are_not_looked_at(site):
    site.write("outside/outside.php", "<?php\n// Requires PHP: 8.1\n")
    site.options["active_plugins"] = _list(b"../../outside/outside.php", b"/etc/passwd", b"")
    site.options["template"] = b"../../outside"
    assert site.span() == ("5.6.20", "8.2")
