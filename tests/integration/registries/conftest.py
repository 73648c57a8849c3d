"""A controller to which things are added as their registries say: one entry, and the module it names."""

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.db.connection.engine import make_engine
from controller.db.migrate import upgrade
from controller.setup import installation
from controller.web.app import create_app
from tests.support.worlds.web_site import csrf_of
from tests.support.worlds.world import World

OPERATOR, PASSWORD = "nora", "correct horse battery"


class House(World):
    """The same with an operator's pages (`page`, `send`) and the command line (`command`) on one state database."""

    def __init__(self, folder):
        home = folder / "home"
        home.mkdir()
        engine = make_engine(f"sqlite:///{home}/shoplaunch.db")
        upgrade(engine)
        super().__init__(folder, engine)
        installation.set_operator(self.config, OPERATOR, PASSWORD)
        self.browser = create_app(self.config, self.service).test_client()
        token = csrf_of(self.page("/admin/login"))
        self.send("/admin/login", user=OPERATOR, password=PASSWORD, csrf_token=token)

    def page(self, path):
        """Return a page's text."""
        answer = self.browser.get(path, follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, path, **form):
        """Send a form, and expect to be led on."""
        answer = self.browser.post(path, data=form)
        assert answer.status_code == 303, answer.text
        return answer

    def command(self, *words):
        """Return what `shoplaunch` says."""
        done = CliRunner().invoke(main, words, env={"SHOPLAUNCH_HOME": str(self.config.home)})
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    def close(self):
        super().close()
        self.engine.dispose()


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.close()


@pytest.fixture
def add_module(tmp_path, monkeypatch):
    """A function that adds a module with this source to a package of the controller, as a file of that folder."""

    def add(package, name, source):
        folder = tmp_path / "modules"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(source)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])

    return add
