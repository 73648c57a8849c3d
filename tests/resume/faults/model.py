"""What a fault is, and which cases a list of them makes: every pair of settings at least once, or all there are."""

from collections import Counter
from itertools import combinations, product
from typing import NamedTuple

from tests.resume.sample import ENGINES

#: Where the agent is when the fault comes, in the order of its stages.
MOMENTS = ("preflight", "unpack", "chunk", "index", "configure", "prove", "switch", "report", "cleanup")
#: Until the database is proved, the agent has a helper that unpacks.
WITH_A_HELPER = ("unpack", "chunk", "index", "configure", "prove")
#: Who is killed while the fault is there.
WHO = ("nobody", "group", "parent", "helper")


class Fault:
    """One fault; `world` is a tests.resume.faults.account.World. Nothing happens in what a fault leaves out.

    `name`, `how` it is brought about and `what` then happens make its row of FAULTS.md.
    """

    name = how = what = ""
    #: At these it makes sense; `usual` are those tried in every run, all of them where it is empty.
    moments = MOMENTS
    usual = ()
    who = WHO
    #: What kind of disk (tests.resume.faults.disks) the home has to be on.
    disk = None
    #: How many agents cron starts at once.
    daemons = 1
    #: Whether it takes too long for every run of the tests.
    is_long = False
    #: Whether the machine's boot id changes.
    boots = False
    #: How often chunks that are under way are lost by it; None where that is over and over.
    breaks = 0

    def begin(self, world):
        """Bring the fault about while the agent waits at the moment."""

    def restart(self, world):
        """What happens between the death of the agent and the next tick."""

    def wait_until_met(self, world):
        """Return once the agent has met the fault; fail when it does not."""

    def end(self, world):
        """Take the fault away."""

    def answer(self, world, event):
        """Return what the controller answers to `event` while the fault is there: (status, headers), None for 202."""


class Case(NamedTuple):
    """One crossing."""

    fault: Fault
    moment: str
    who: str
    engine: str

    def __str__(self):
        return f"{self.fault.name}-{self.moment}-{self.who}-{self.engine}".replace(" ", "_")

    def pairs(self):
        """Return the pairs of settings this case holds."""
        return set(combinations(enumerate((self.fault.name, *self[1:])), 2))


def usual_cases(faults):
    """Return the cases among which every run of the tests chooses."""
    cases = all_cases([fault for fault in faults if not fault.is_long])
    return [case for case in cases if case.moment in (case.fault.usual or case.fault.moments)]


def all_cases(faults):
    """Return every possible case, in a fixed order: where there is no helper none is killed."""
    return [
        Case(fault, moment, who, engine)
        for fault in faults
        for moment, who, engine in product(fault.moments, fault.who, ENGINES)
        if who != "helper" or moment in WITH_A_HELPER
    ]


def pairwise(cases):
    """Return few of `cases` that hold every pair any of them holds, in a fixed order.

    The one with the most new pairs comes next; of several the one whose settings were chosen least.
    """
    waiting = {case: case.pairs() for case in cases}
    missing = set().union(*waiting.values())
    chosen, used = [], Counter()
    while missing:
        best = max(waiting, key=lambda case: (len(waiting[case] & missing), -used[case.who], -used[case.engine]))
        missing -= waiting.pop(best)
        used.update((best.who, best.engine))
        chosen.append(best)
    return chosen
