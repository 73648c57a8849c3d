"""What an agent may report is what its sources name: no code of the controller's, and each of the agent's."""

import re
from pathlib import Path

from controller.jobs.record import agent_codes
from shared.errors import CODES

PROJECT = Path(__file__).resolve().parents[4]
SOURCES = ("agent", "packaging/agent", "shared")


def named():
    """Return the codes that stand as words of their own in the sources of the agent, its launcher and `shared`."""
    paths = [path for folder in SOURCES for path in (PROJECT / folder).rglob("*") if path.is_file()]
    texts = [path.read_text("utf-8") for path in paths if path.suffix in (".py", ".sh") or path.name == "run"]
    words = set(re.findall(r"[\"'\s]([a-z_]+)(?=[\"'\s])", "\n".join(texts)))
    return words & set(CODES)


def test_agents_may_report_the_codes_that_their_sources_name():
    assert sorted(agent_codes.CODES) == sorted(named())
