"""A module, plug-in or theme that loads a file the tree lacks is named when it is packed, not by the first visitor."""

import pytest

from controller.recipes.tree import missing_files


def sentences(tmp_path, source, left_out=lambda path, is_directory: None, *there):
    for path in there:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    main = tmp_path / "modules/pay/pay.php"
    main.parent.mkdir(parents=True, exist_ok=True)
    main.write_text(source)
    return missing_files.sentences(tmp_path, ["modules/pay/pay.php", "modules/gone/gone.php"], left_out)


@pytest.mark.parametrize(
    "loading",
    [
        "require_once __DIR__ . '/vendor/autoload.php';", "require(dirname(__FILE__).'/vendor/autoload.php');",
        'require_once __DIR__."/vendor/autoload.php";',
        "require_once plugin_dir_path( __FILE__ ) . 'vendor/autoload.php';",
    ],
)  # fmt: skip
def test_a_library_that_is_loaded_and_missing_is_named(tmp_path, loading):
    source = f"<?php\n\n{loading}\nclass Pay {{}}\n"
    (said,) = sentences(tmp_path, source)
    assert said.startswith("modules/pay/pay.php loads modules/pay/vendor/autoload.php, which is missing")
    assert sentences(tmp_path, source, lambda *_: None, "modules/pay/vendor/autoload.php") == []


def test_what_is_there_and_stays_out_is_missing_too(tmp_path):
    source = "<?php\nrequire_once __DIR__ . '/tests/base.php';\n"
    rule = lambda path, is_directory: "tests" if path == b"modules/pay/tests" else None  # noqa: E731
    assert len(sentences(tmp_path, source, rule, "modules/pay/tests/base.php")) == 1


@pytest.mark.parametrize(
    "source",
    [
        "<?php\nif (file_exists(__DIR__ . '/v/a.php')) {\n    require_once __DIR__ . '/v/a.php';\n}\n",
        "<?php\ninclude_once __DIR__ . '/maybe.php';\n", "<?php\nrequire_once __DIR__ . '/' . $name . '.php';\n",
        "<?php\n// require_once __DIR__ . '/vendor/autoload.php';\n",
        "<?php\nrequire_once __DIR__ . '/../other/x.php';\n",
        "<?php\n * require_once __DIR__ . '/x.php';\n",
    ],
)  # fmt: skip
def test_what_may_be_missing_is_not_named(tmp_path, source):
    assert sentences(tmp_path, source) == []


FUNCTIONS = """<?php
$vendorDir = dirname(dirname(__FILE__));
$baseDir = dirname($vendorDir);
return array(
    'ad15' => $vendorDir . '/react/promise/src/functions_include.php',
    '0e6d' => $baseDir . '/src/functions.php',
);
"""


@pytest.mark.parametrize("loading", ["require_once __DIR__", "    include_once dirname(__FILE__)", "require(__DIR__"])
def test_what_a_modules_own_autoloader_loads_at_once_is_named_where_it_is_missing(tmp_path, loading):
    source = f"<?php\nif (file_exists(__DIR__ . '/vendor/autoload.php')) {{\n{loading} . '/vendor/autoload.php';\n}}\n"
    listed = tmp_path / "modules/pay/vendor/composer/autoload_files.php"
    listed.parent.mkdir(parents=True)
    listed.write_text(FUNCTIONS)
    (said,) = sentences(tmp_path, source, lambda *_: None, "modules/pay/vendor/autoload.php")
    assert "modules/pay/vendor/react/promise/src/functions_include.php, modules/pay/src/functions.php, which" in said
    there = ("modules/pay/vendor/react/promise/src/functions_include.php", "modules/pay/src/functions.php")
    assert sentences(tmp_path, source, lambda *_: None, *there) == []


def test_an_autoloader_that_no_line_loads_needs_nothing(tmp_path):
    listed = tmp_path / "modules/pay/vendor/composer/autoload_files.php"
    listed.parent.mkdir(parents=True)
    listed.write_text(FUNCTIONS)
    source = "<?php\n// require_once __DIR__ . '/vendor/autoload.php';\n"
    assert sentences(tmp_path, source, lambda *_: None, "modules/pay/vendor/autoload.php") == []
