"""Names are words of the trade: former private names stand nowhere but in the changelog."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[4]
#: Former names of modules that none has any more.
GONE = {
    "absence", "acts", "advance", "ahead", "armour", "attempt", "beside", "billed", "bounded", "callback", "child",
    "choosing", "ending", "entry", "exits", "foreign", "forgetful", "hints", "holding", "kinds", "lanes", "later",
    "let_go", "listing", "locked", "looking", "looks", "memory", "modes", "moves", "neighbours", "nouns",
    "php_door", "private", "pull", "pulled", "putting_back", "requests", "retrying", "running", "small",
    "surroundings", "telling", "together", "trouble", "undoing", "work", "wrappings",
}  # fmt: skip
#: Former names of modules that are the right word elsewhere -> folder -> what is meant there.
KEPT = {
    "compile": {"packaging/agent": "compiles the agent's modules to bytecode"},
    "door": {
        "agent/database": "the ways to a database: its socket or its port",
        "controller/access": "what each kind of asker may call",
    },
    "forms": {"controller/recipes/secrets": "known forms of secrets, as of a private key"},
    "harmless": {"controller/bundles/review": "findings that are no secret, each with a reason"},
    "hosts": {
        "controller/recipes/location": "host names in a template",
        "controller/bundles/rewrite/contexts": "host names in texts",
    },
    "names": {"controller/recipes/secrets": "names under which secrets stand"},
    "opening": {
        "controller/panels/cpanel": "opens the panel of a server's row",
        "controller/panels/local": "opens the panel of this machine",
    },
    "reading": {"controller/backups": "reads a backup"},
    "secrets": {"controller/recipes": "secrets of a template"},
    "statements": {
        "controller/bundles/comments": "SQL statements",
        "controller/recipes/prestashop/database": "SQL statements",
        "controller/recipes/wordpress/database": "SQL statements",
    },
    "visits": {"controller/jobs/shop/checks": "requests to the pages of a shop"},
}
#: Former names of classes, functions and constants: no identifier may be one of these.
NAMES = {
    "beside", "shared_later",
    "Ahead", "Beside", "Deed", "Entrance", "Forgetful", "Gate", "JobMemory", "Later", "Listing", "Looks", "Mover",
    "SMALL", "SMALL_KINDS", "SMALL_STAGES", "Surroundings", "Together", "_Lanes", "_Told", "_Wish", "armoured",
    "beside_cleaning", "claim_telling", "entrance", "files_beside", "looks_of", "open_child", "role_told",
    "small_payload", "tell_refused", "tell_waiting", "told_address", "told_by",
}  # fmt: skip
#: Words that no part of an identifier may be, names of tests included.
WORDS = {
    "armour", "armoured", "deed", "deeds", "forgetful", "lane", "lanes", "nouns", "teller", "told", "whoever",
    "whomever",
}  # fmt: skip
#: Names of rows and of stored facts, which stay as they were written.
STORED = {"locked_told_at", "locked_told_by", "told"}
#: What no sentence may say, in code and in pages. The changelog tells how it was.
SENTENCES = re.compile(
    r"\b(?:whoever|whomever|(?:one|none|nothing|line|key|file|socket|table|agent|page|version)s? of ours"
    r"|is not of now|of before|by turns|will not have it)\b"
    # The stored value and field of that name apart
    r"|(?<![\"'.`])\btold\b(?![\"':`])",
    re.I,
)
#: What no mutant is called by, besides words that no identifier may have.
OF_MUTANTS = re.compile(r"^(?:ahead|later)-|-beside-|-of-before$")
OWN = "tests/unit/house/texts/test_words.py"


def tracked(*patterns):
    """Return the tracked files that match, without stored installations of earlier versions."""
    listed = subprocess.run(
        ["git", "-C", str(PROJECT), "ls-files", *patterns], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.split()
    return [path for path in listed if not re.match(r"tests/system/upgrade/[^/]+/", path) and path != OWN]


def identifiers(path):
    """Return the identifiers that the file defines."""
    tree = ast.parse((PROJECT / path).read_text("utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
    return found


def words(identifier):
    """Return the words of an identifier, in small letters."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", identifier)}


def module_of(path):
    """Return (folder, module's name) of a Python file; a package's name is its folder's."""
    folder, _, name = path.removesuffix(".py").removesuffix("/__init__").rpartition("/")
    return folder, name.removeprefix("test_")


def test_no_module_has_a_former_name_without_a_reason():
    found = [
        path
        for path in tracked("agent/*.py", "controller/*.py", "shared/*.py", "packaging/*.py")
        for folder, name in [module_of(path)]
        if name in GONE or folder not in KEPT.get(name, (folder,))
    ]
    assert found == []


def test_every_kept_name_of_a_module_is_one():
    there = {module_of(path) for path in tracked("*.py")}
    assert [(folder, name) for name, kept in KEPT.items() for folder in kept if (folder, name) not in there] == []


def test_tests_are_not_named_by_former_modules():
    # Of these, tests have the common meaning: bytes of memory, what goes wrong
    gone = GONE - {"memory", "trouble"}
    names = [(path, module_of(path)[1]) for path in tracked("tests/**/test_*.py")]
    assert [path for path, name in names if name in gone or "beside" in words(name)] == []


@pytest.mark.parametrize("part", ["agent", "controller", "packaging", "shared", "tests"])
def test_no_identifier_is_a_former_private_name(part):
    found = [
        (path, name)
        for path in tracked(f"{part}/*.py", f"{part}/*.pyi")
        for name in identifiers(path)
        if name in NAMES or (words(name) & WORDS and not (part == "controller" and name in STORED))
    ]
    assert found == []


def test_no_mutant_is_called_by_a_former_private_name():
    names = [Path(path).stem for path in tracked("tests/mutants/*.patch")]
    assert len(names) > 900
    assert [name for name in names if set(name.split("-")) & WORDS or OF_MUTANTS.search(name)] == []


def test_no_sentence_is_in_private_words():
    found = []
    for path in tracked():
        if path == "CHANGELOG.md" or path.endswith((".mo", ".png", ".svg", ".xz", ".yar")):
            continue
        for number, line in enumerate((PROJECT / path).read_text("utf-8", "replace").splitlines(), 1):
            if SENTENCES.search(line):
                found.append(f"{path}:{number}: {line.strip()}"[:160])
    assert found == []


@pytest.mark.parametrize(
    ("paths", "check"),
    [
        (["controller/jobs/later.py"], test_no_module_has_a_former_name_without_a_reason),
        (["agent/modes/__init__.py"], test_no_module_has_a_former_name_without_a_reason),
        (["controller/billing/hosts.py"], test_no_module_has_a_former_name_without_a_reason),
        (["controller/jobs/states.py"], test_every_kept_name_of_a_module_is_one),
        (["tests/unit/jobs/test_undoing.py"], test_tests_are_not_named_by_former_modules),
        ([f"tests/mutants/{name}.patch" for name in ("late-told", *map(str, range(1000)))],
         test_no_mutant_is_called_by_a_former_private_name),
    ],
    ids=["a module", "a package", "a name kept elsewhere", "a reason without a module", "a test", "a mutant"],
)  # fmt: skip
def test_a_former_name_of_a_file_is_seen(monkeypatch, paths, check):
    monkeypatch.setattr(sys.modules[__name__], "tracked", lambda *patterns: paths)
    with pytest.raises(AssertionError):
        check()


def test_a_former_name_in_code_is_seen_wherever_it_is_defined(monkeypatch, tmp_path):
    code = tmp_path / "code.py"
    wrong = {"Deed", "find_told", "whoever", "Lanes", "armour", "role_told", "told_by"}
    code.write_text(
        "class Deed: pass\ndef find_told(whoever, right): Lanes = right.told\nasync def role_told(*, told_by): pass\n"
        "self.armour = 'told'\nfolder = untold = 1\n"
    )
    assert {name for name in identifiers(code) if name in NAMES or words(name) & WORDS} == wrong
    monkeypatch.setattr(sys.modules[__name__], "tracked", lambda *patterns: [code])
    with pytest.raises(AssertionError):
        test_no_identifier_is_a_former_private_name("agent")


@pytest.mark.parametrize(
    ("line", "is_seen"),
    [
        ("Whoever asks", True), ("the keys of ours", True), ("what is not of now", True), ("the state of before", True),
        ("each by turns", True), ("of beforehand", False), ("a key of hours", False), ("its own keys", False),
    ],
)  # fmt: skip
def test_a_sentence_in_private_words_is_seen(monkeypatch, tmp_path, line, is_seen):
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n\n{line}.\n")
    monkeypatch.setattr(sys.modules[__name__], "tracked", lambda *patterns: [str(page)])
    if is_seen:
        with pytest.raises(AssertionError):
            test_no_sentence_is_in_private_words()
    else:
        test_no_sentence_is_in_private_words()
