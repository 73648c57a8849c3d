"""Follow-up jobs in tests: what a bundle says of them, beginning one, playing its agent, a site that leads to https."""

from tests.support.worlds.world import Agent, place

UPDATE = {"sql": "UPDATE ps_configuration SET value = %s WHERE name = %s", "min_rows": 1}
JOBS = {
    "https_on": {
        "statements": [{**UPDATE, "params": ["1", "PS_SSL_ENABLED"]}],
        "edits": [{"path": ".htaccess", "old": "off", "new": "on"}],
        "back": [{**UPDATE, "params": ["0", "PS_SSL_ENABLED"]}],
    },
    "set_admin_password": {
        "statements": [{"sql": "UPDATE ps_employee SET passwd = %s", "params": [place("admin.password_hash")]}],
        "edits": [],
    },
    "remove": {"statements": [{**UPDATE, "params": ["0", "PS_SHOP_ENABLE"]}], "edits": []},
}


def begin(world, shop, kind, **given):
    """Begin a follow-up job and let it be dropped; return it and its agent."""
    job = world.service.jobs.start_follow_up(shop.id, kind, given)
    world.work()
    assert world.job(job).state == "dropped", world.status(job)
    return job, Agent(world, job)


def finish(agent):
    """Play an agent that does its follow-up job and goes."""
    agent.send("started")
    for stage in ("verify", "preflight", "configure", "edit"):
        agent.send("stage_started", stage=stage)
        agent.send("stage_finished", stage=stage, seconds=0.1)
    agent.send("finished", stage="report", percent=98, evidence={})
    agent.clean()


def temporary_user(job):
    return f"alice_sl{job.id[:5]}"


def leads_to_https(world, secure):
    """From now on http leads to https, as a shop's own redirect does."""
    target = f"https://shop.example.com:{secure.port}/?from=http"
    world.site.pages["/?from=http"] = (301, {"Location": target}, b"")
