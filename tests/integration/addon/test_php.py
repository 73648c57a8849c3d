"""The addon's files are PHP from 7.4 on, each says what it is for, both languages are whole."""

import json
import re
import subprocess

import pytest

from tests.fakes.whmcs_php import sequences
from tests.fakes.whmcs_php.harness import ADDON, HERE, Whmcs
from tests.integration.addon import recorder
from tests.support.servers.php_versions import BINARIES, VERSIONS, binary, complaints

FILES = sorted(ADDON.rglob("*.php"))
#: What PHP 7.4 does not know, by the name PHP's own tokenizer gives it.
NEWER_TOKENS = {
    "T_MATCH", "T_NULLSAFE_OBJECT_OPERATOR", "T_ATTRIBUTE", "T_ENUM", "T_READONLY", "T_NAME_RELATIVE",
    "T_PUBLIC_SET", "T_PROTECTED_SET", "T_PRIVATE_SET",
}  # fmt: skip
NEWER_FUNCTIONS = {
    "str_contains", "str_starts_with", "str_ends_with", "array_is_list", "array_find", "array_any", "array_all",
    "get_debug_type", "json_validate", "mb_trim", "array_key_first_last", "fdiv", "get_resource_id", "mb_str_pad",
}  # fmt: skip
#: version -> what only a later one takes.
LATER = {
    "7.4": "<?php function f(): mixed { return 1; }  $a?->b();",
    "8.0": "<?php enum E { case A; }",
    "8.1": "<?php readonly class A {}",
    "8.2": "<?php class A { const int B = 1; }",
    "8.3": "<?php class A { public int $b { get => 1; } }",
    "8.4": "<?php $a = 1 |> f(...);",
}
TOKENS = """
$all = [];
foreach (array_slice($argv, 1) as $file) {
    $found = [];
    foreach (PhpToken::tokenize(file_get_contents($file)) as $token) {
        if (!$token->isIgnorable()) { $found[] = [$token->getTokenName(), $token->text]; }
    }
    $all[$file] = $found;
}
echo json_encode($all);
"""


@pytest.fixture(scope="module")
def tokens():
    """file -> [[name, text]] of every token that is neither white space nor comment."""
    command = ["php", "-r", TOKENS, "--", *map(str, FILES)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120).stdout)


@pytest.mark.parametrize("file", [*FILES, *sorted(HERE.rglob("*.php"))], ids=lambda file: file.name)
def test_php_accepts_every_file(file):
    done = subprocess.run(["php", "-l", str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert done.returncode == 0, done.stdout.decode()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_php_accepts_every_file_and_none_that_is_of_a_later_version(version, tmp_path):
    later = tmp_path / "later.php"
    later.write_text(LATER[version])
    found = complaints(version, [*FILES, *sorted(HERE.rglob("*.php")), later])
    assert {file for file, complaint in found.items() if complaint} == {str(later)}


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_goes_its_whole_way_on_every_php(version, mariadb_server, controller):
    php = binary(version, whole=True)
    if php is None:
        pytest.skip(f"no PHP {version} with pdo_mysql and curl here, nor in {BINARIES}")
    whmcs = Whmcs(mariadb_server, php)
    try:
        whmcs.activate(
            controller_url=controller.url, api_key=recorder.KEY, api_secret=recorder.SECRET, products="3 = boutique"
        )
        order, service = whmcs.order()
        sequences.created_again(whmcs, order, service)
        client = whmcs.rows("tblhosting", id=service)[0]["userid"]
        assert whmcs.page("/clientarea.php", action="productdetails", id=service, client=client).redirect
        assert whmcs.page("/index.php", m="shoplaunch", service=service, client=client).status == 200
        controller.answer(200, {"state": "live", "percent": 100, "kind": "restore"})
        whmcs.due_now()
        whmcs.cron()
        assert whmcs.shop(service)["ready_at"] > 0
        assert whmcs.page("/admin/addonmodules.php", module="shoplaunch", admin=1).status == 200
        assert controller.events() == sequences.EVENTS[sequences.created_again]
    finally:
        whmcs.close()


def test_no_file_uses_what_php_7_4_does_not_know(tokens):
    for file, found in tokens.items():
        names = {name for name, _text in found}
        assert not names & NEWER_TOKENS, (file, names & NEWER_TOKENS)
        called = {text.lower() for name, text in found if name == "T_STRING"}
        assert not called & NEWER_FUNCTIONS, (file, called & NEWER_FUNCTIONS)


def test_no_file_uses_types_and_arguments_of_later_versions(tokens):
    for file, found in tokens.items():
        code = " ".join(text for _name, text in found)
        assert not re.search(r"[(,] (public|private|protected) \S+ ?\S* \$", code), f"{file}: promoted constructor"
        assert not re.search(r"[(,] [a-z_]+ : (?!:)", code), f"{file}: named argument"
        assert not re.search(r"(\) : |[(,] )\\?\w+( \| \\?\w+)+( \$| \{)", code), f"{file}: union type"
        assert not re.search(r"\) : \??(mixed|static|never|false|null|true) \{", code), f"{file}: later return type"
        assert not re.search(r"[(,] (?!\?)[\w\\]+ \$\w+ = null\b", code), f"{file}: implicitly nullable, gone in 8.4"
        assert not re.search(r"catch \( [\w\\ |]+ \)", code), f"{file}: catch without a variable"
        assert not re.search(r", \) (use|:|\{)", code), f"{file}: comma after the last parameter"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ADDON)))
def test_every_file_says_what_it_is_for_and_is_short(file):
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "<?php" and lines[1].startswith("/**"), file
    assert len(lines) < 400


def test_every_entry_file_refuses_to_be_called_directly():
    for file in (*ADDON.glob("*.php"), *(ADDON / "lang").glob("*.php")):
        done = subprocess.run(["php", str(file)], stdout=subprocess.PIPE, timeout=120)
        assert done.stdout.decode() == "This file cannot be accessed directly"


def test_both_languages_have_the_same_words_and_the_same_places():
    words = {}
    for language in ("english", "farsi"):
        text = (ADDON / "lang" / f"{language}.php").read_text(encoding="utf-8")
        words[language] = dict(re.findall(r"^\$_ADDONLANG\['(\w+)'\] = '(.*)';$", text, re.M))
    english, farsi = words["english"], words["farsi"]
    assert set(english) == set(farsi)
    for name, text in english.items():
        assert text.count("%s") == farsi[name].count("%s"), name
        if name not in ("code", "direction", "step_php"):
            assert re.search("[آ-ی]", farsi[name]), name


def test_every_word_is_used_and_every_used_word_exists():
    text = (ADDON / "lang" / "english.php").read_text(encoding="utf-8")
    known = set(re.findall(r"^\$_ADDONLANG\['(\w+)'\]", text, re.M))
    sources = [
        file.read_text(encoding="utf-8")
        for file in [*ADDON.rglob("lib/*.php"), *ADDON.rglob("*.tpl")]
        if file.name != "Schema.php"
    ]
    code = "\n".join(sources)
    asked = set(re.findall(r"->text\('(\w+)'\)", code)) | set(re.findall(r"[tT]exts\['(\w+)'\]", code))
    asked |= set(re.findall(r"\$text\.(\w+)", code))
    assert asked - {"title_", "sentence_", "milestone_", "state_", "step_", "field_"} <= known
    # What speaks of a site stands in for the word without the mark
    assert {name[5:] for name in known if name.startswith("site_")} <= known
    for name in known:
        made = name.startswith("site_") or name.split("_")[0] in (
            "title",
            "sentence",
            "milestone",
            "state",
            "step",
            "field",
        )
        assert made or f"'{name}'" in code or f"$text.{name}" in code, name
