"""One account whose agent waits at a moment, while a fault is brought about and somebody is killed."""

import json
import os
import shutil
import signal
from contextlib import ExitStack, suppress

import pymysql

from agent.session.lock import RECORD_BYTES
from controller.agent_archive.build import launcher
from shared.events import MAX_KEPT_SEQ
from shared.job import BUNDLE_FILE
from tests.resume.chunks import NotedShop
from tests.resume.compare import check_chunks, check_left, check_same, finish, ledger_of, picture
from tests.resume.test_kills import helper_of
from tests.support.servers.web.controller_stub import Controller


class Account(NotedShop):
    """An account on a machine whose boot id is `boot`, where that is not None."""

    boot = None

    def command(self, *arguments, python=None):
        command = super().command(*arguments, python=python)
        if self.boot is None:
            return command
        # In a mount name space of its own: the boot id is the machine's
        mounting = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", mounting, str(self.boot), *command]


class FaultyRestore:
    """`fault` over one restore of `bundle` on `server`; `places` are where homes can be (disks.Places)."""

    def __init__(self, fault, server, bundle, keys, agent, places=None):
        self.fault, self.server, self.bundle = fault, server, bundle
        self.keys, self.agent = keys, agent
        self.ledger = None
        self.moment = None
        self.is_begun = self.is_restarted = False
        self.attempt = 1
        self.process, self._twins = None, []
        #: Process id -> what an agent wrote for its starter
        self.said = {}
        self._starts = self._breaks = 0
        self._cleanup = ExitStack()
        self.controller = None
        self.serve()
        self._cleanup.callback(lambda: self.controller.close())
        self.shop = Account(server, bundle, self.controller, keys, agent)
        self._cleanup.callback(self.shop.close)
        self.disk = places.home(fault.disk, self.shop, self._cleanup) if fault.disk else None
        self.folder = self.shop.base / "meet"
        self.folder.mkdir(mode=0o700)
        os.chown(self.folder, self.shop.uid, self.shop.gid)
        if fault.boots:
            self.shop.boot = self.shop.base / "boot_id"
            self.shop.boot.write_text("the first\n")
        self.shop.cron()
        self.drop()
        if fault.boots:
            self.disk.sync()

    def serve(self, port=None):
        """The controller answers, at `port` where it was before."""
        self.controller = Controller(port, self.controller and self.controller.events, self._answer)

    def _answer(self, event):
        answer = self.fault.answer(self, event) if self.is_begun else None
        if answer is None and event["event"] == "finished":
            try:
                self.ledger = ledger_of(self.shop)
            except pymysql.err.MySQLError:
                return 503, {}
        return answer

    def close(self):
        self._cleanup.close()

    def drop(self, attempt=None):
        """The controller puts a job file of this or another attempt there."""
        self.attempt = attempt or self.attempt
        self.shop.drop(attempt=self.attempt)

    def place(self):
        """What a controller places for a restore is there again, after everything was taken back."""
        folder = self.shop.folder
        folder.mkdir(mode=0o700)
        shutil.copy(self.agent, folder / "agent.pyz")
        (folder / "run").write_bytes(launcher())
        self.bundle.write(folder / BUNDLE_FILE)
        self.shop.own()
        self.shop.cron()
        self.drop(self.attempt + 1)

    # What happens ------------------------------------------------------------------------------------------------

    def start(self, moment=None):
        """Start the agent as cron does, to wait at `moment`; return its process once it does."""
        self._starts += 1
        plan = self.folder / "meet.json"
        plan.unlink(missing_ok=True)
        if moment is None:
            return self.shop.start()
        names = {"met": f"met{self._starts}", "go": f"go{self._starts}"}
        plan.write_text(json.dumps({"moment": moment, **names}))
        process = self.shop.start()
        process.go = self.folder / names["go"]
        met = self.folder / names["met"]
        self.shop.wait_for(lambda: met.exists() or process.poll() is not None)
        assert met.exists(), f"never came to {moment}: {process.returncode} {self.controller.events[-1:]}"
        return process

    def tick(self):
        """Let cron start the agent and wait for its end; return the exit codes of all it started."""
        processes = [self.start() for _ in range(self.fault.daemons)]
        return [self.wait(process) for process in processes]

    def wait(self, process=None):
        """Return the exit code of `process` once it has ended."""
        process = process or self.process
        said = process.communicate(timeout=300)[1]
        self.said.setdefault(process.pid, said)
        return process.returncode

    def is_over(self):
        """Return whether the agent that works now has ended."""
        return self.process.poll() is not None

    def wait_for(self, condition, pause=0.02):
        """Wait until `condition()` holds, asked every `pause` seconds; fail when it does not come before the agent's
        end."""
        self.shop.wait_for(lambda: condition() or self.is_over(), pause=pause)
        assert condition(), f"the agent ended before with {self.process.returncode}: {self.controller.events[-2:]}"

    def kill(self, who, helper=None):
        """SIGKILL `who`, let the others go on; then the next agent is started. `helper` is its process id."""
        go, process = self.process.go, self.process
        if who == "helper":
            # The fault may have ended it already
            with suppress(ProcessLookupError):
                os.kill(helper, signal.SIGKILL)
        elif who == "parent":
            os.kill(process.pid, signal.SIGKILL)
        elif who == "group":
            os.killpg(process.pid, signal.SIGKILL)
        go.touch()
        if who in ("parent", "group"):
            self.wait()
            self.fault.restart(self)
            self.look()
            self._breaks += 1
            self.is_restarted = True
            self.process, *self._twins = [self.start() for _ in range(self.fault.daemons)]

    def look(self):
        """What the ledger holds now must not be sent again. Where no server answers it cannot be seen."""
        with suppress(pymysql.err.OperationalError):
            self.shop.chunks.look()

    def survive(self, moment, who):
        """Let the fault come at `moment`, with `who` killed meanwhile, and go; ticks do the rest."""
        self.moment = moment
        self.process = self.start(moment)
        helper = helper_of(self.process.pid) if who == "helper" else None
        assert helper or who != "helper"
        self.look()
        self.is_begun = True
        self.fault.begin(self)
        self.look()
        self.kill(who, helper)
        self.fault.wait_until_met(self)
        self.fault.end(self)
        self.look()
        self.is_begun = False
        for process in (self.process, *self._twins):
            self.wait(process)
        finish(self.shop, self.tick)

    def check(self, wanted, about):
        """The shop is that of an undisturbed restore (picture `wanted`)."""
        self._check_numbers()
        check_same(self.shop, wanted, about)
        check_chunks(self.bundle, self.ledger, self.controller.accepted("finished")[-1], about)
        breaks = self.fault.breaks
        self.shop.chunks.check(breaks if breaks is None else breaks + self._breaks, about)

    def _check_numbers(self):
        """A number stands for one event: the controller takes a second one for a repetition, as far as it keeps them.

        Beyond are those of an agent whose disk was so full that it could not note its numbers.
        """
        reported = {}
        for event in self.controller.accepted():
            if 0 < event["seq"] <= MAX_KEPT_SEQ:
                first = reported.setdefault((event["attempt"], event["seq"]), event)
                assert first == event, (first, event)

    def picture(self):
        """Return what an undisturbed restore leaves (tests.resume.compare.picture)."""
        assert self.tick() == [0], self.controller.events[-1:]
        check_left(self.shop, "undisturbed")
        self.shop.chunks.check(0, "undisturbed")
        return picture(self.shop)

    # What faults look at -----------------------------------------------------------------------------------------

    def errors(self):
        """Return the codes the agent reported."""
        return [event["error"]["code"] for event in self.controller.accepted("failed")]

    def reported_code(self):
        """Return the code with which the agent that worked ended: as reported, else as said where it cannot even note
        it; None where there is none."""
        said = self.said[self.process.pid].partition(":")[0]
        return (self.errors() or [said])[-1] or None

    def connections(self):
        """Return the server's numbers of the account's connections."""
        rows = self.server.query("SHOW PROCESSLIST")
        return [row[0] for row in rows if row[1] == self.shop.db_user]

    def lock_record(self):
        """Return what the lock's holder wrote into it."""
        return json.loads((self.shop.folder / "lock").read_bytes()[:RECORD_BYTES])
