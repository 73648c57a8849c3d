"""An installation with operators, and browsers that are signed in as one of them; nothing is started."""

import shutil

from controller.access import operators
from controller.access.actor import command_line
from controller.db.connection.engine import transact
from controller.jobs.intake.service import open_service
from controller.settings.loading import load_config
from controller.web.app import create_app
from tests.support.state.installing import install
from tests.support.worlds.web_site import PASSWORD, csrf_of, let_in_soon, populate


def prepare(folder, **roles):
    """Make an installation in `folder` with operators by name=role; return the folder."""
    config = load_config({"SHOPLAUNCH_HOME": str(folder)})
    install(config)
    actor = command_line(config)
    for name, role in roles.items():
        operators.add(actor, name, PASSWORD, role)
    transact(actor.engine, populate)
    transact(actor.engine, let_in_soon)
    actor.engine.dispose()
    return folder


class People:
    """A copy of a prepared installation in `folder`; its pages are asked within the process."""

    def __init__(self, prepared, folder):
        shutil.copytree(prepared, folder)
        self.environment = {"SHOPLAUNCH_HOME": str(folder)}
        self.config = load_config(self.environment)
        self.actor = command_line(self.config)
        self.service = open_service(self.config)
        self.app = create_app(self.config, self.service)

    def close(self):
        """Nothing of the database is open any more."""
        self.service.installation.engine.dispose()

    def try_in(self, user, password=PASSWORD, code=""):
        """Try to sign in; return (status, the browser)."""
        browser = self.app.test_client()
        form = {"user": user, "password": password, "code": code}
        form["csrf_token"] = csrf_of(browser.get("/admin/login").text)
        return browser.post("/admin/login", data=form).status_code, browser

    def signed_in(self, user):
        """Return a browser in which the operator is signed in."""
        status, browser = self.try_in(user)
        assert status == 303
        return browser

    def post(self, browser, path, own_password=PASSWORD, **form):
        """Send a form of the pages with the session's token and one's own password."""
        token = csrf_of(browser.get("/admin/login").text)
        return browser.post(path, data={"csrf_token": token, "own_password": own_password, **form})

    def get(self, name):
        """Return the operator (controller.db.identities.operators.Operator)."""
        return operators.get(self.actor, name, self.service.now())

    def roles(self):
        """Return {operator: role}."""
        return {one.user: one.role for one in operators.listed(self.actor, self.service.now())}
