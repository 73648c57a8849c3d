"""A bundle of the size of a packed PrestaShop 8, and the reports of an agent that restores it."""

from tests.integration.controller.follow_ups import JOBS, UPDATE
from tests.support.worlds.world import CHECKS, EVIDENCE

#: As a packed PrestaShop 8: tables, visits, what follow-up jobs change.
TABLES = [{"name": f"ps_table_of_a_shop_{number}", "rows": number * 7} for number in range(276)]
VISITS = [{**CHECKS[0], "name": f"page_{number}", "contains": ["Welcome", "x" * 150]} for number in range(8)]
STATEMENTS = [{**UPDATE, "params": [str(number), f"PS_SETTING_OF_A_SHOP_{number}"]} for number in range(12)]
MANY_JOBS = {**JOBS, "remove": {"statements": STATEMENTS, "edits": []}}


def add_shop_bundle(world, **manifest):
    """Add the bundle `shop`, with what is given of its manifest."""
    checks = [*CHECKS, *({**one, "contains": ["Welcome"]} for one in VISITS)]
    world.add_bundle("shop", **{"tables": TABLES, "jobs": MANY_JOBS, "checks": checks, **manifest})


def report(agent):
    """Report what a real agent reports, from its start to its end."""
    agent.send("started")
    for percent, stage in enumerate(("verify", "preflight", "unpack", "import", "configure", "prove", "switch")):
        agent.send("stage_started", stage=stage, percent=percent * 14)
        agent.send("stage_finished", stage=stage, percent=percent * 14 + 10, seconds=1.25)
    evidence = {**EVIDENCE, "tables": {one["name"]: one["rows"] for one in TABLES}}
    agent.send("finished", stage="report", percent=98, evidence=evidence)
    agent.clean()
