"""An account whose document root Apache serves already, with a shop for a place inside of it."""

import json
import pwd
import secrets
import shutil
from pathlib import Path

from controller.agent_archive.build import launcher
from tests.integration.agent_work.conftest import Shop
from tests.support.worlds.agent_box import Box

ALREADY_SERVED = "the outer site"


class Nested(Shop):
    """A shop for `~/public_html/sub`, in an account whose `~/public_html` Apache serves already."""

    def __init__(self, server, database_server, bundle, controller, keys, agent):
        account = server.new_account()
        entry = pwd.getpwnam(account.user)
        self.user, self.home, self.base = account.user, Path(account.home), Path(account.home)
        self.domain, self.web = account.domain, server
        self._ids, self._started = (entry.pw_uid, entry.pw_gid), []
        self.outer = Path(account.document_root)
        self.folder, self.root = self.home / ".shoplaunch", self.outer / "sub"
        self.controller, self.keys = controller, keys
        self.id, self.plan = "j" + secrets.token_hex(5), {}
        self.server = database_server
        self.database, self.db_user, self.db_password = database_server.new_database()
        self._agent, self._bundle = agent, bundle
        self.equip()

    def equip(self):
        """The agent's folder holds agent, launcher and bundle."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(self._agent, self.folder / "agent.pyz")
        (self.folder / "run").write_bytes(launcher())
        self.pin = self._bundle.write(self.folder / "shop.bundle")

    def populate(self):
        """The outer site has a page, the inner root is there."""
        (self.outer / "index.html").write_text(ALREADY_SERVED)
        self.root.mkdir(mode=0o750)
        self.own()
        assert self.web.get(self.domain, "/index.html") == (200, ALREADY_SERVED.encode())

    def die_before_the_switch(self):
        """Let the agent build the tree and die; return the files it wrote."""
        (self.home / "kill.json").write_text(json.dumps({"from": "switch", "at": 1}))
        self.own()
        assert self.run() == -9
        (self.home / "kill.json").unlink()
        return [path for path in self.staging.rglob("*") if path.is_file()]

    @property
    def staging(self):
        """Where the agent says it builds."""
        return Path(self.state["staging"])

    def staging_left(self):
        """Return what is left of building, anywhere in the home."""
        return [path for path in self.home.rglob(".shoplaunch*") if path.name != ".shoplaunch-replaced"]

    def close(self):
        for process in self._started:
            Box._end_session(self, process)
        self.server.drop_database(self.database)
        self.server.query(f"DROP USER IF EXISTS `{self.db_user}`@localhost")
