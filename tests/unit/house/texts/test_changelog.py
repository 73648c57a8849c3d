"""The changelog is grouped by what a reader looks for: no line is outside of a group, groups come in one order."""

import re

import pytest

from tests.pages import PROJECT

PARTS = ("Before you upgrade", "Security", "Improvements")
TOPICS = (
    "Orders, jobs and living shops", "Agents and what they restore", "Packing: templates, dumps, recipes, bundles",
    "WHMCS and other billing systems", "cPanel servers", "A server of one's own: panel `local`",
    "Operators, keys and sign-in", "Backups, retention, clients' data", "Installing, upgrading, settings",
    "Workers, web server, state database, broker", "Pages, commands, texts", "For who works on the code",
)  # fmt: skip


def outside(text):
    """Return the changelog's headings that are none of its parts and topics or come out of order, and the lines that
    are below no topic, unless they are about an upgrade."""
    found, part, topic = [], -1, -1
    for line in text[text.index("\n## ") + 1 :].splitlines()[1:]:
        if line.startswith("### "):
            number = PARTS.index(line[4:]) if line[4:] in PARTS else -1
            found += [line] * (number <= part)
            part, topic = number, -1
        elif line.startswith("#"):
            number = TOPICS.index(line[5:]) if line.startswith("#### ") and line[5:] in TOPICS else -1
            found += [line] * (number <= topic or part <= 0)
            topic = number
        elif line and (not re.match(r"\* |  ", line) or (line[0] == "*" and part != 0 and min(part, topic) < 0)):
            found.append(line)
    return found


def test_every_change_is_below_a_topic_and_topics_have_one_order():
    assert outside((PROJECT / "CHANGELOG.md").read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (["### Before you upgrade", "* a", "  b", "### Improvements", "", f"#### {TOPICS[2]}", "* c"], []),
        (["### Security", "* a"], ["* a"]),
        (["* a"], ["* a"]),
        (["### News", f"#### {TOPICS[0]}", "* a"], ["### News", f"#### {TOPICS[0]}", "* a"]),
        (["### Improvements", "### Security"], ["### Security"]),
        (["### Security", f"#### {TOPICS[1]}", f"#### {TOPICS[0]}", "* a"], [f"#### {TOPICS[0]}"]),
        (["### Security", "#### Other", "* a"], ["#### Other", "* a"]),
        (["### Security", f"#### {TOPICS[1]}", "* a", "b"], ["b"]),
    ],
    ids=["right", "no topic", "no part", "another part", "parts out of order", "topics out of order", "another topic",
         "no change"],
)  # fmt: skip
def test_what_is_outside_of_the_order_is_seen(lines, wrong):
    assert outside("\n".join(["# Changelog", "", "## 0.1.0", "", *lines])) == wrong
