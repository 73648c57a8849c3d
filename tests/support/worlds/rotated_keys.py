"""An installation whose keys were rotated since something was stored in every place that is sealed."""

from dataclasses import replace

import sqlalchemy as sa

from controller import keys
from controller.db.connection.engine import reading, transact
from controller.db.identities.operators import second_factor
from controller.db.machines import servers
from controller.db.machines.servers import Server
from controller.db.tables import metadata, operators
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service, open_service
from controller.jobs.record.sealed_values import private_values, sealed
from controller.keys import load_keys
from controller.settings.loading import load_config
from controller.setup import installation, key_retirement
from tests.support.state.installing import install
from tests.support.worlds.web_site import OPERATOR, PASSWORD, Site, populate

TOKEN, OWN_TOKEN, PRIVATE = "TOKEN12345", "OWNTOKEN12345", {"admin.password": "of the client"}
LINE, FACTOR, OTHER = "7 7 * * * own", "JBSWY3DPEHPK3PXP", "olga"


class Silence:
    """Progress that nobody watches."""

    def phase(self, name, total=None):
        pass

    def advance(self, steps=1):
        pass


class Home:
    """An installation with something in every sealed place, and keys that were rotated since."""

    order, put, put_step, certify = Site.order, Site.put, Site.put_step, Site.certify

    def __init__(self, folder, **settings):
        self.environment = {"SHOPLAUNCH_HOME": str(folder), **settings}
        self.config = load_config(self.environment)
        install(self.config)
        for user in (OPERATOR, OTHER):
            installation.set_operator(self.config, user, PASSWORD)
        self.secret = installation.add_api_key(self.config, "billing")
        self.old = load_keys(self.config.keys)
        self.service = open_service(self.config)
        transact(self.service.installation.engine, populate)
        encrypt = self.old.encrypt
        row = Server("cp1", "cpanel", url="https://cp1.example:2087", user="root", token_encrypted=encrypt(TOKEN))
        row = replace(row, settings={"cpanel_token": encrypt(OWN_TOKEN)})
        transact(self.service.installation.engine, lambda connection: servers.add(connection, row, 1.0))
        waiting, live = self.order(), self.order()
        self.put(waiting, "received", **sealed(self.old, PRIVATE))
        self.waiting = waiting.id
        facts = {"shop_url": "http://a.example/", "admin_url": "http://a.example/admin/", "kept_line": encrypt(LINE)}
        self.live = self.put(live, "live", facts=facts).id
        self.certify(self.service.jobs.get(self.live), {"stages": {}}, [])
        change = sa.update(operators).where(operators.c.user == OTHER).values(totp_encrypted=encrypt(FACTOR))
        transact(self.service.installation.engine, lambda connection: connection.execute(change))
        keys.rotate(self.config.keys)
        self.agents = []

    def retire(self, **more):
        """Retire the old keys, as the command does."""
        return key_retirement.retire(self.config, self.agents.append, Silence(), **{"at_once": False, **more})

    def opened(self):
        """What is stored, opened with the keys there are now."""
        known = load_keys(self.config.keys)
        service = Service(Installation(self.config, self.service.installation.engine, known))
        with reading(service.installation.engine) as connection:
            row = servers.get(connection, "cp1")
            factor = second_factor(connection, OTHER)[0]
        return (
            service.access.signing_secret("billing").decode(),
            known.decrypt(row.token_encrypted),
            known.decrypt(row.settings["cpanel_token"]),
            private_values(known, service.jobs.get(self.waiting)),
            service.jobs.certificate(self.live)["job"],
            known.decrypt(service.jobs.get(self.live).facts["kept_line"]),
            known.decrypt(factor),
        )

    def stored(self):
        """Every text in the database."""
        with reading(self.service.installation.engine) as connection:
            for table in metadata.sorted_tables:
                for row in connection.execute(sa.select(table)):
                    yield from (value for value in row if isinstance(value, str))


def all_there(home):
    return (home.secret, TOKEN, OWN_TOKEN, PRIVATE, home.live, LINE, FACTOR)
