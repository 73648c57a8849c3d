"""A server that hangs holds up its own jobs alone, and these wait."""

from controller.db import breakers
from controller.db.connection.engine import reading
from tests.attacks.table import attack
from tests.integration.controller.failing import ANSWERS, HANGS, PanelServer, connect


@attack(
    "a server accepts calls and answers none for an hour, while twenty orders wait for it",
    "one job at a time calls it, a dozen times in all; no job fails, and all go on with its first answer",
)
def test_a_server_that_hangs_is_called_by_one_job_at_a_time(world, request):
    server = PanelServer(HANGS)
    request.addfinalizer(server.close)
    connect(world, "web1", server.url, seconds=0.1)
    placed = [world.order(domain=f"n{n}.example.com", account=f"n{n}") for n in range(20)]
    world.work_later(3600, stride=20)
    assert server.asked <= breakers.FAILURES + 12
    assert {world.job(job).state for job in placed} <= {"received", "preparing"}
    assert world.mail.alarms == []
    server.mode = ANSWERS
    world.work_later(breakers.PAUSES[-1], stride=20)
    assert {world.job(job).state for job in placed} == {"dropped"}
    with reading(world.engine) as connection:
        assert breakers.opened(connection) == {}
