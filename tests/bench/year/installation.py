"""The installation that a year passes for: its branches take the orders of a day, all else happens at night."""

import json
import shutil
import time
from collections import Counter, deque
from contextlib import contextmanager
from pathlib import Path

from controller import backups
from controller.bundles.pack.progress import NoProgress
from controller.db.connection.engine import transact
from controller.db.identities.access import Note
from controller.db.machines import servers
from controller.jobs.lifecycle.bundle_store import Bundles
from controller.keys import ensure_keys, rotate
from controller.setup.key_retirement import retire
from tests.bench.year import upgrade
from tests.bench.year.branch import KEY, Attached, settings
from tests.bench.year.left import Left
from tests.bench.year.processes import Here
from tests.integration.controller.retention.shops import add_shop_bundle
from tests.integration.controller.retention.stored import DAY, used_bytes
from tests.support.clock import START

#: Of these orders one ends, this many days after it was placed.
ENDING, LIVED_DAYS = 10, 120
#: What happens how often, in days.
BACKUP, KEYS, FORGET = 7, 91, 30
#: So many days long a backup is made each night, as by the timer; later it would take as long as the day's orders.
NIGHTLY = 60
#: PrestaShop 1.6 has 8's tables and pages, but its passwords cost no twentieth of a second each.
APPLICATION = {"name": "prestashop", "version": "1.6.1.24"}


class Year(Attached):
    """An installation with so many `branches`, `simulated` day by day; `begun` makes them (processes.py). Where its
    folder holds a year that was ended after a day, it goes on."""

    def __init__(self, folder, branches=1, begun=Here, backup=BACKUP):
        super().__init__(folder)
        self._backup = backup
        self._notes = folder / "year.json"
        names = [f"web{number}" for number in range(1, branches + 1)]
        known = json.loads(self._notes.read_text()) if self._notes.exists() else {}
        self.day, self.orders = known.get("day", 0), known.get("orders", 0)
        self.ended = {int(number): at for number, at in known.get("ended", {}).items()}
        self.counted, self.spent = Counter(known.get("counted")), Counter(known.get("spent"))
        self._to_end = deque(known.get("to_end", ()))
        if known:
            self.open(Path(known["home"]))
        else:
            self._found(folder / "home", names)
        self.clock.now = START + self.day * DAY
        self._empty = known.get("empty") or used_bytes(self.engine)
        self.branches = [begun(folder, name) for name in names]
        self._all("open", [(self.config.home,)] * branches)

    def simulate(self, days, orders, stride=1, goes_on=lambda _year: True):
        """Let so many days pass in all, `stride` at a time, with so many orders on each of them that is worked, as long
        as `goes_on` says so after a night; return whether all have passed."""
        for day in range(self.day, days, stride):
            self._work(day, orders)
            self.clock.now = START + (day + stride) * DAY
            self._end_services(day)
            self._sweep()
            for often, name, work in self._calendar():
                if day and day // often != (day - stride) // often:
                    self._timed(name, work)
            # Before anything went that the earlier version could not say
            if not self.counted["upgrades"] and day + stride >= min(28, days // 2):
                self._timed("upgrade", self._upgrade)
            if not self.counted["moves"] and day >= days // 2:
                self._timed("move", self._move)
            self._note(day + stride)
            if not goes_on(self):
                return False
        return True

    def _note(self, day):
        self.day = day
        known = {name: getattr(self, name) for name in ("day", "orders", "ended", "counted", "spent")}
        known |= {"home": str(self.config.home), "to_end": list(self._to_end), "empty": self._empty}
        self._notes.write_text(json.dumps(known))

    def rest(self, days):
        """Let days pass without orders."""
        self.clock.pass_by(days * DAY)
        self._all("end", [((), self.clock())] * len(self.branches))
        self._sweep()

    def left(self):
        """Return what the installation holds now."""
        return Left(self)

    def bytes_per_job(self):
        """Return how many bytes of the state database each job takes, besides what an installation without any does."""
        return (used_bytes(self.engine) - self._empty) / self.orders

    def memory(self):
        """Return the most memory that each process has taken so far, in MB."""
        return sorted({self.memory_mb(), *self._all("memory_mb", [()] * len(self.branches))})

    def close(self):
        for branch in self.branches:
            branch.close()
        self.leave()

    def _found(self, home, names):
        home.mkdir(parents=True)
        ensure_keys(home / "keys")
        (home / "agent").mkdir()
        (home / "agent" / "run").write_bytes(b"#!/bin/sh\n")
        (home / "agent" / "agent.pyz").write_bytes(b"PK agent")
        upgrade.newest(home / "shoplaunch.db")
        self.open(home)
        for name in names:
            transact(self.engine, lambda connection, name=name: servers.add(connection, _server(name), START))
        add_shop_bundle(self, application=APPLICATION)

    def _all(self, name, given):
        """Let every branch do something at once, with what is given to each; return the answers."""
        for branch, some in zip(self.branches, given, strict=True):
            branch.ask(name, *some)
        return [branch.answer() for branch in self.branches]

    def _shares(self, numbers):
        """Return which of the orders are each branch's."""
        many = len(self.branches)
        return [[number for number in numbers if number % many == place] for place in range(many)]

    def _calendar(self):
        """Return (every how many days, what it is called, what happens) of what happens in some nights."""
        return (
            (1 if self.day < NIGHTLY else self._backup, "backup", self._back_up),
            (FORGET, "forget", self._forget),
            (KEYS, "key_retirement", self._retire_keys),
        )

    def _work(self, day, orders):
        numbers = range(self.orders, self.orders + orders)
        self.orders += orders
        self._to_end.append((day + LIVED_DAYS, [number for number in numbers if number % ENDING == 0]))
        moment, apart = START + day * DAY, DAY / orders * len(self.branches)
        given = [(share, moment, apart) for share in self._shares(numbers)]
        self._timed("orders", lambda: self._all("take", given))

    def _end_services(self, day):
        while self._to_end and self._to_end[0][0] <= day:
            numbers = self._to_end.popleft()[1]
            self.ended |= dict.fromkeys(numbers, self.clock())
            given = [(share, self.clock()) for share in self._shares(numbers)]
            self._timed("ends", lambda given=given: self._all("end", given))

    def _sweep(self):
        swept = self._timed("retention", self.service.retention.run)
        assert swept.is_complete
        self.counted["removed"] += sum(swept.removed.values())

    def _back_up(self):
        file = self.folder / "night.backup"
        written = backups.backup(self.config, file)
        assert backups.read(file, lambda: "", backups.Nobody()) == written
        assert written.tables["jobs"] == self.orders
        self.counted["backup_bytes"] = file.stat().st_size
        file.unlink()
        self.counted["backups"] += 1

    def _forget(self):
        """A client of a shop that lives asks for it."""
        done = self.service.retention.forget(KEY, str(self.orders - 1), Note("anna", "forget"))
        assert len(done.jobs) == 1
        self.counted["forgotten"] += 1

    def _retire_keys(self):
        rotate(self.config.keys)
        found = retire(self.config, lambda _keys: None, NoProgress(), at_once=True)
        self.counted["signed_anew"] += found.signed
        with self._restarted():
            self.counted["key_retirements"] += 1

    def _upgrade(self):
        """What an earlier version would have left is brought up to date."""
        with self._restarted():
            upgrade.through_earlier(self.config.home / "shoplaunch.db")
            self.counted["upgrades"] += 1

    def _move(self):
        """A backup goes on in another place."""
        file, before = self.folder / "moving.backup", self.config
        backups.backup(before, file)
        home = self.folder / "moved"
        with self._restarted(home):
            home.mkdir()
            upgrade.newest(home / "shoplaunch.db")
            shutil.copytree(before.agent, home / "agent")
            backups.restore(settings(home), file)
            shutil.rmtree(before.home)
        # No backup holds bundles
        Bundles(self.config, self.engine).add("shop", self.folder / "shop.bundle")
        file.unlink()
        self.counted["moves"] += 1

    @contextmanager
    def _restarted(self, home=None):
        """Everything of the installation is stopped, and started again afterwards, in another `home` where that is
        given."""
        home = home or self.config.home
        self._all("leave", [()] * len(self.branches))
        self.leave()
        yield
        self.open(home)
        self._all("open", [(home,)] * len(self.branches))

    def _timed(self, what, work):
        began = time.monotonic()
        try:
            return work()
        finally:
            self.spent[what] += time.monotonic() - began


def _server(name):
    return servers.Server(name, "local")
