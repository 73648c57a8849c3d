"""Orders shops in the version whose folder it runs in: the second of a minute per line in, seconds of each part out.

Started by tests.bench.order_to_live with that folder's own Python, so that two versions are measured in one run.
"""

import contextlib
import json
import shutil
import sys
import time
from pathlib import Path

from controller.db import events, steps
from shared.errors import ShoplaunchError
from tests.integration.cpanel_live.shops import Shops

try:
    from controller.db.connection.engine import reading
    from tests.support.worlds.whole import ENDED, SERVER, Whole
except ModuleNotFoundError:
    # A version from before the rooms
    from controller.db.engine import reading

    from tests.whole import ENDED, SERVER, Whole

MINUTE = 60
MOST_SECONDS = 300
NAME = "bench"
FOLLOW_UP = "follow-up job"
CPANEL = "cpanel"


class Local:
    """Orders on the panel of the machine, which makes their accounts."""

    def __init__(self, whole, bundle, start):
        self._whole = whole
        whole.world.run("bundle", "add", NAME, bundle)
        set_start(whole.world, SERVER, start)

    def place(self):
        """Return what an order says of server, account and domain."""
        account = self._whole.new_name()
        return {"server": SERVER, "domain": f"{account}.localhost", "account": account, "create_account": True}


class Cpanel:
    """Orders on a double of WHM, for accounts that billing has made; the server's copy of the bundle is read.

    Agents are started as `start` says where this version can.
    """

    def __init__(self, shops, bundle, start):
        self._shops = shops
        world = shops.whole.world
        world.run("bundle", "add", NAME, bundle)
        self._server = shops.add_server("cp1", "api")
        folder = Path(shops.whole.directory, "shared")
        folder.mkdir()
        copy = Path(shutil.copy(bundle, folder / f"{NAME}.bundle"))
        copy.chmod(0o644)
        shops.set(self._server, bundle_folder=folder)
        world.run("skeleton", "install", self._server)
        set_start(world, self._server, start)

    def place(self):
        """Return what an order says of server, account and domain."""
        made = self._shops.whm.add_account(owner=self._shops._owners[self._server])
        return {"server": self._server, "domain": made.domain, "account": made.user}


def set_start(world, server, start):
    """Let agents on a server start at once ("auto") or by cron alone ("cron"), where this version can choose."""
    if "--start" in world.run("server", "set", "--help").stdout:
        world.run("server", "set", server, "--start", start)


def order(whole, panel, moment, follows):
    """Order a shop at the second `moment` of a minute; return its parts once it lives and the client was notified.

    With `follows` a follow-up job of the shop is measured, too.
    """
    place = panel.place()
    time.sleep((moment - time.time()) % MINUTE)
    document = {"bundle": NAME, "email": f"{place['account']}@example.com", **place}
    sent = time.time()
    answer = whole.signed("POST", "/api/v1/orders", document)
    if answer.status_code != 202:
        raise RuntimeError(answer.text)
    job = answer.json()
    whole.wait(job, *ENDED)
    end = time.monotonic() + MOST_SECONDS
    while not {row.state for row in rows_of(whole, job).values()} <= {"done", "skipped", "failed"}:
        assert time.monotonic() < end, "its last steps never end"
        time.sleep(0.05)
    if whole.show(job)["state"] != "live":
        raise RuntimeError(whole.trouble(job))
    return {**parts_of(whole, job, sent), **(followed(whole, job) if follows else {})}


def engine_of(service):
    """Return the database engine of a service; a version from before the doors has it itself."""
    return service.installation.engine if hasattr(service, "installation") else service.engine


def start_follow_up(service):
    """Return what begins a follow-up job; a version from before the doors calls it otherwise."""
    return service.jobs.start_follow_up if hasattr(service, "jobs") else service.start_kind


def rows_of(whole, job):
    """Return the job's steps."""
    with reading(engine_of(whole.service)) as connection:
        return steps.of_job(connection, job["id"])


def parts_of(whole, job, sent):
    """Return part -> seconds; `in all` is their sum, from the signed order to the certificate."""
    rows = rows_of(whole, job)
    with reading(engine_of(whole.service)) as connection:
        came = {}
        for event in events.of_job(connection, job["id"]):
            came.setdefault(event["event"], event["received_at"])
    return split(sent, {name: (row.started_at, row.finished_at) for name, row in rows.items()}, came)


def split(sent, ran, came):
    """Return part -> seconds of a job that was ordered at `sent`; `ran` is step -> (began, ended), `came` event -> at.

    What one version does during another part, and another version after it, counts where it holds the shop up.
    """
    lives = max(ran["check"][1], ran["tls"][1] or 0.0)
    times = [sent, ran["account"][0], ran["cron"][1], came["started"], came["finished"], *ran["check"], lives]
    names = ("taken up", "prepared", "waited for cron", "restored", "agent gone", "visited", "certified")
    found, at = {}, times[0]
    for name, after in zip(names, times[1:], strict=True):
        found[name], at = max(0.0, after - at), max(at, after)
    return {**found, "in all": lives - sent}


def followed(whole, job):
    """Return the seconds of a follow-up job of the shop, {} where the bundle has none."""
    began = time.time()
    try:
        later = start_follow_up(whole.service)(
            job["id"], "set_admin_password", {"admin.password": "correct horse battery"}
        )
    except ShoplaunchError as error:
        if error.code != "kind_unsupported":
            raise
        return {}
    if whole.wait({"id": later.id, "account": job["account"]}, *ENDED)["state"] != "live":
        raise RuntimeError(f"the follow-up job of {job['id']} did not end well")
    return {FOLLOW_UP: time.time() - began}


def panel_of(kind, whole, bundle, start, stack):
    """Return where to order: on the double of WHM, or on the machine's own panel."""
    if kind == CPANEL:
        return Cpanel(stack.enter_context(Shops(whole)), bundle, start)
    return Local(whole, bundle, start)


def main(bundle, kind, start, follow_ups):
    """Order at each moment read, in a world of its own with the `bundle`, on a panel of this `kind`."""
    whole = Whole()
    with contextlib.ExitStack() as stack:
        stack.callback(whole.remove)
        whole.start()
        panel = panel_of(kind, whole, bundle, start, stack)
        # Billing's key is made by the first request, which is none of those measured
        whole.signed("GET", "/api/v1/jobs")
        print("ready", flush=True)
        for line in sys.stdin:
            print(json.dumps(order(whole, panel, float(line), follow_ups == "follow-ups")), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
