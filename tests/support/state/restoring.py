"""A restore in a process of its own that is killed at one of its moments; files and database outlive it."""

import os
import shutil
from pathlib import Path

import sqlalchemy as sa

from controller import backups
from controller.backups import restoring
from controller.settings.loading import load_config

#: How the killed one ends.
KILLED = 99


class _Moments:
    """Counts moments; the process is gone at number `last`."""

    def __init__(self, last, target):
        self._last, self._target, self.count = last, target, 0

    def one(self):
        self.count += 1
        if self.count == self._last:
            os._exit(KILLED)

    def before(self, owner, name):
        real = getattr(owner, name)

        def called(*arguments, **more):
            # Temporary files of the test are its own
            self.one()
            return real(*arguments, **more)

        setattr(owner, name, called)

    def statement(self, _connection, _cursor, text, *_more):
        if text.lstrip().upper().startswith(("INSERT", "DELETE")):
            self.one()

    def commit(self, _connection):
        self.one()


def run(environment, source, number):
    """Restore, and be killed at moment `number`; 0: never. Exits with how many there were."""
    config = load_config(environment)
    os.environ.update(environment)
    moments = _Moments(number, config.home)
    for owner, name in ((Path, "replace"), (Path, "rename"), (shutil, "rmtree"), (restoring, "sync_folder")):
        moments.before(owner, name)
    sa.event.listen(sa.Engine, "before_cursor_execute", moments.statement)
    sa.event.listen(sa.Engine, "commit", moments.commit)
    backups.restore(config, Path(source))
    os._exit(min(moments.count, KILLED - 1))
