"""The glossary of `shared/README.md`: in the order of the alphabet, and of words that the project uses."""

import re
import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[4]
PAGE = "shared/README.md"
#: Words that code and pages use most, and that mean more here than in a dictionary.
NEEDED = {
    "address", "agent", "attempt", "broker", "bundle", "channel", "chores", "domain", "drain", "duty", "engine",
    "evidence", "hint", "host", "job file", "lease", "panel", "placeholder", "proof", "recipe", "ring", "roll-out",
    "slot", "stage", "step", "template",
}  # fmt: skip


def words(text):
    """Return the words of the glossary, in the order of the page."""
    return re.findall(r"^\| (.+?) \|", text[text.index("| word | means |") :], re.M)[1:]


def wrong(glossary, code):
    """Return what is wrong with the words of a glossary: out of order or twice, needed and missing, used nowhere."""
    folded = code.lower()
    unused = [word for word in glossary if not re.search(r"\b" + re.sub(r"[ -]", "[ _-]?", word), folded)]
    ordered = sorted(set(glossary))
    return {"order": glossary != ordered, "missing": NEEDED - set(glossary), "unused": unused}


def test_the_glossary_is_in_order_and_has_the_words_that_are_used():
    listed = subprocess.run(
        ["git", "-C", str(PROJECT), "ls-files", "agent/*.py", "controller/*.py", "shared/*.py"],
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout.split()  # fmt: skip
    code = "\n".join((PROJECT / path).read_text("utf-8") for path in listed)
    glossary = words((PROJECT / PAGE).read_text("utf-8"))
    assert wrong(glossary, code) == {"order": False, "missing": set(), "unused": []}


def test_what_is_wrong_with_a_glossary_is_seen():
    glossary = words("| word | means |\n|---|---|\n| slot | a right |\n| host | a name |\n| widget | a thing |\n")
    found = wrong(glossary, "a slot of a host")
    assert found == {"order": True, "missing": NEEDED - {"host", "slot"}, "unused": ["widget"]}
