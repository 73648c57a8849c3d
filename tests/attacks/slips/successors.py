"""Shops that come in the place of others, as rows and as whole jobs; for tests with the world."""

from controller.db.connection.engine import transact
from controller.db.tables import jobs
from tests.integration.controller.follow_ups import JOBS
from tests.integration.controller.rows import add_job

#: What may change a shop or an account; the other calls of a panel only look.
CHANGES = {
    "ensure_account", "ensure_database", "ensure_database_user", "ensure_privileges", "ensure_php", "ensure_agent",
    "put_file", "ensure_cron", "start_now", "remove_agent", "remove_cron", "remove_account", "remove_database",
    "remove_database_user",
}  # fmt: skip


def shop(world, **order):
    """Return a shop that lives, whose bundle knows all follow-up jobs; some time has passed since."""
    knows_later(world)
    made = world.live(bundle="later", **order)
    world.clock.pass_by(3600)
    return made


def knows_later(world):
    """The world has a bundle that knows all follow-up jobs, by the name of `later`."""
    if not world.service.installation.bundles.path("later").exists():
        world.add_bundle("later", jobs=JOBS)


def successor_of(world, **order):
    """Return the shop that another order makes in the same account, which gives the one there up."""
    return shop(world, email="new@example.com", options={"occupied": "move"}, **order)


def comes(world, job_id="successor1"):
    """A living shop of another job is in alice's account from now on, however it came there."""
    world.clock.pass_by(1)
    now = world.clock()
    return add_job(world.engine, job_id, state="live", created_at=now, updated_at=now)


def changes(world):
    """Return what was changed through the panel since `world.panel.calls` was emptied."""
    return [call[0] for call in world.panel.calls if call[0] in CHANGES]


def set_row(world, job, **values):
    """Change the job's row behind the controller's back."""
    change = jobs.update().where(jobs.c.id == job.id).values(values)
    transact(world.engine, lambda connection: connection.execute(change))
