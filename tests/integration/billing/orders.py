"""A controller that tells its news through WHMCS, and what happens to one order of it."""

from dataclasses import replace

from controller.billing.base import About, Handover, NotificationLog
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.settings.sections import MailConfig
from tests.integration.billing.events import created
from tests.support.worlds.world import Agent, World


class BilledWorld(World):
    """A World with section [whmcs]; operators get mail into a folder."""

    def __init__(self, folder, engine, whmcs):
        super().__init__(folder, engine)
        self.letters = folder / "mail"
        self.configure(whmcs)

    def configure(self, whmcs, operator="op@example.com"):
        """The installation has this section [whmcs] and this operator from now on."""
        mail = MailConfig(folder=str(self.letters), operator=operator)
        self.config = replace(self.config, whmcs=whmcs, mail=mail)
        self.service = Service(
            Installation(
                self.config, self.engine, self.keys, panel_of=lambda _config, _server: self.panel, clock=self.clock
            )
        )
        self.worker = self.service.jobs.worker()

    def operators_mail(self):
        """Return the texts of the operator's mails."""
        return [path.read_text("utf-8") for path in sorted(self.letters.glob("*.alarm.eml"))]

    def clients_mail(self):
        """Return the texts of mails that went past WHMCS to the client."""
        return [path.read_text("utf-8") for path in self.letters.glob("*.ready.eml")]

    def begin(self, service_id="1042", **changes):
        """Billing created the service and the job lies in its account; return the job."""
        event = created(service_id, **changes)
        self.panel.ensure_account(event["account"], event["domain"], create=True, email="x@example.com")
        status = self.service.orders.take_event(event)
        self.work()
        return self.service.jobs.get(status["id"])

    def finish(self, job):
        """The agent restores the shop, and the shop lives; return the job."""
        agent = Agent(self, self.job(job))
        agent.restore()
        agent.clean()
        self.work()
        self.serve(job)
        self.work_later(300, stride=30)
        assert self.job(job).state == "live", self.status(job)
        return self.job(job)

    def remembered(self, job):
        """Return what the job has stored about its notifications."""
        return self.job(job).facts.get("billing", {})


class Notebook(NotificationLog):
    """A notification log that outlives the driver under test."""

    def __init__(self):
        self.known = {}

    def get(self, name):
        return self.known.get(name)

    def put(self, name, value):
        self.known[name] = value


def about(**changes):
    """Return what news are about: job j7k2m9q4x8 of service 1042."""
    return About(**{
        "job": "j7k2m9q4x8", "domain": "shop.example.com", "email": "nora@example.com", "first_name": "Nora",
        "language": "en", "status_url": "https://control.example.com/status/TOKEN", "service_id": "1042",
        "client_id": "5", "log": Notebook(), **changes,
    })  # fmt: skip


def handover(news=None, **changes):
    """Return the news of a shop that is ready."""
    news = news or about()
    return Handover(**{
        "job": news.job, "domain": news.domain, "email": news.email, "first_name": news.first_name,
        "language": news.language, "shop_url": "http://shop.example.com/",
        "admin_url": "http://shop.example.com/admin7/", "login": news.email,
        "password_link": "https://control.example.com/credentials/T2", "link_days": 7, "way": "link",
        "ready_at": 1780308000.0, "about": news,
        **changes,
    })  # fmt: skip
