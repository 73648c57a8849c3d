"""What an installation holds after its year: each job once and at rest, each shop proven, clients forgotten in time."""

import sqlalchemy as sa

from controller.db import steps
from controller.db.connection.engine import reading
from controller.db.tables import jobs, server_slots
from controller.db.tables import retention as lease
from controller.db.tables import steps as step_rows
from controller.db.upkeep import retention
from controller.jobs.shop import certificate
from shared.errors import ShoplaunchError
from tests.integration.controller.retention.shops import TABLES
from tests.integration.controller.retention.stored import DAY


class Left:
    """What `year` has left; each list is to be empty."""

    def __init__(self, year):
        self._year = year
        self._engine = year.engine

    def lost_or_doubled(self):
        """Return the orders that have not exactly one job."""
        query = sa.select(jobs.c.service_id, sa.func.count()).group_by(jobs.c.service_id)
        found = dict(self._rows(query))
        wanted = {str(number) for number in range(self._year.orders)}
        return sorted(wanted ^ found.keys()) + [number for number, count in found.items() if count != 1]

    def stuck(self):
        """Return what is held, due, or to come, although everything is over."""
        now = self._year.clock()
        open_steps = step_rows.c.state.in_((steps.WAITING, steps.RUNNING))
        return [
            *self._rows(sa.select(jobs.c.id, jobs.c.state).where(jobs.c.state.not_in(retention.OVER))),
            *self._rows(sa.select(jobs.c.id, jobs.c.lease_owner).where(jobs.c.lease_owner.is_not(None))),
            *self._rows(sa.select(jobs.c.id, jobs.c.wake_at).where(jobs.c.wake_at <= now)),
            *self._rows(sa.select(step_rows.c.job, step_rows.c.name).where(open_steps)),
            *self._rows(sa.select(server_slots.c.server).where(server_slots.c.owner.is_not(None))),
            *self._rows(sa.select(lease.c.kind, lease.c.owner).where(lease.c.owner.is_not(None))),
        ]

    def unproven(self):
        """Return the shops whose certificate the newest key has not signed, or that say another shop's figures."""
        newest = self._year.keys.public_keys()[-1:]
        whole = {one["name"]: one["rows"] for one in TABLES}
        return [job_id for (job_id,) in self._rows(sa.select(jobs.c.id)) if not self._proves(job_id, newest, whole)]

    def named(self):
        """Return the ended services, of those whose time has come, that still say who the client was."""
        before = self._year.clock() - self._year.config.retention.personal_data * DAY
        return self._rows(sa.select(jobs.c.id).where(jobs.c.ended_at < before, jobs.c.email != ""))

    def damaged(self):
        """Return what SQLite finds wrong with its file."""
        with reading(self._engine) as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        return [*(line for line in found if line != "ok"), *broken]

    def _proves(self, job_id, keys, tables):
        try:
            said = certificate.read(self._year.service.jobs.signed_certificate(job_id), keys)
        except ShoplaunchError:
            return False
        return said["job"] == job_id and said["evidence"]["tables"] == tables

    def _rows(self, query):
        with reading(self._engine) as connection:
            return [tuple(row) for row in connection.execute(query)]
