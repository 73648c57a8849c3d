"""One server's share of the orders: placed, moved by the engine, reported by played agents, visited, live."""

import itertools
import resource
import shutil

from controller.db.connection.engine import make_engine
from controller.db.orders.services import BilledService
from controller.jobs.engine.capacity.own_servers import OwnServers
from controller.jobs.intake import termination
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.keys import load_keys
from controller.settings.loading import load_config
from tests.bench.year.site import QuickSite
from tests.fakes.folder_panel import FolderPanel
from tests.integration.controller.retention.shops import report
from tests.support.clock import Clock
from tests.support.worlds.world import Agent, Outbox, World

#: The key that signs all orders.
KEY = "whmcs"
#: As many orders come at once.
AT_ONCE = 10
#: A visit that a stopped machine kept from its answer is made again: so often, after so many seconds of the year.
TRIES, AGAIN_SECONDS = 5, 60.0


def settings(home):
    """Return the settings of the installation in `home`."""
    return load_config({"SHOPLAUNCH_HOME": str(home), "SHOPLAUNCH_PUBLIC_URL": "http://127.0.0.1:8000"})


class Attached(World):
    """A process of an installation, begun by `open`; it ends the use of its files by `leave`."""

    #: The server whose jobs it moves.
    server = "nothing"

    def __init__(self, folder):
        self.folder = folder
        self.clock = Clock()
        self.panel = None
        self.mail = Outbox()

    def open(self, home):
        """As after a start: settings, keys and rows are those of the installation in `home`."""
        self.config = settings(home)
        self.engine = make_engine(self.config.database_url)
        self.keys = load_keys(self.config.keys)
        parts = {"panel_of": lambda _config, _server: self.panel, "billing": self.mail, "clock": self.clock}
        self.service = Service(Installation(self.config, self.engine, self.keys, **parts))
        self.worker = self.service.jobs.worker(servers=OwnServers((self.server,)))

    def leave(self):
        """No file of the installation is in use any more."""
        self.engine.dispose()

    def memory_mb(self):
        """Return the most memory that this process has taken, in MB."""
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


class Branch(Attached):
    """A server, with a worker of its own: its accounts are folders, emptied once their shops are live."""

    def __init__(self, folder, server):
        super().__init__(folder)
        self.server = server
        self.site = QuickSite()
        self.panel = FolderPanel(folder / server, self.site.port)
        self._pages = dict(self.site.pages)

    def take(self, numbers, moment, seconds):
        """Take the orders of these numbers from `moment` on, one in so many seconds; all end as shops that live."""
        self.clock.now = moment
        left = iter(numbers)
        while some := list(itertools.islice(left, AT_ONCE)):
            self._make([self._order(number) for number in some])
            self.clock.pass_by(seconds * len(some))

    def end(self, numbers, moment):
        """Billing ends the services of these numbers."""
        self.clock.now = moment
        for number in numbers:
            termination.end(self.engine, BilledService(str(number), KEY), moment, None)
        self.work()

    def close(self):
        self.leave()
        super().close()

    def _order(self, number):
        order = {
            "server": self.server, "bundle": "shop", "domain": f"shop{number}.example.com", "account": f"shop{number}",
            "email": f"owner{number}@mail.example", "create_account": True, "shop_name": f"Goods {number}",
            "first_name": "Alice", "last_name": f"Owner{number}", "language": "en", "service_id": str(number),
        }  # fmt: skip
        return self.service.orders.place(order, source="api", signed_by=KEY)

    def _make(self, jobs):
        self.work()
        for job in jobs:
            report(Agent(self, self.job(job)))
            self.serve(job)
        self.work()
        for job in jobs:
            self._live(job)
            shutil.rmtree(self.panel.base / job.account)
        assert len(self.mail.handed_over) == len(jobs)
        self._forget()

    def _live(self, job):
        for _ in range(TRIES):
            if self.job(job).state == "live":
                return
            self.clock.pass_by(AGAIN_SECONDS)
            self.work()
        raise AssertionError(self.status(job))

    def _forget(self):
        """What the doubles remember of shops that live is asked for by nobody any more."""
        self.mail.handed_over.clear()
        self.site.pages = dict(self._pages)
        for known in (
            self.panel.accounts, self.panel.databases, self.panel.users, self.panel.grants, self.panel.crontabs,
            self.panel.calls,
        ):  # fmt: skip
            known.clear()
