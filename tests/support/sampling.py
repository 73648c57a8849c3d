"""Long grids of cases: some run each day, in rotation, and all of them nightly.

A test marked `sampled(of=N)` runs one in N of its cases; with `each=("name", …)` one in N of those with the same values
of these parameters, so that every value comes every day; with `kind=…`, the mark of a case, one in N of its kind. Which
ones follows from the number SHOPLAUNCH_SAMPLE, the day unless it is given: after N days all have run. Of fewer than
N cases one runs each day; with `rests=True` there are days without any, and its neighbours in the module have theirs on
other days. Tests with the same `turn` in a module take the same cases, so that their fixture makes only what these need
(`running`). A case that a mutant names runs every day, unless `named=False` says that it takes minutes; and so does one
that is named on the command line.
"""

import os
from collections import defaultdict
from datetime import date
from operator import itemgetter

import pytest

from tests.mutants.catalogue import INDEX, PROJECT, mutants

VARIABLE = "SHOPLAUNCH_SAMPLE"
REASON = "not in the sample of this day: run `make test-nightly`"


def choose_day():
    """This process and those that it starts take the same sample; return its number."""
    return int(os.environ.setdefault(VARIABLE, str(date.today().toordinal())))


def skip_the_rest(items, arguments, day):
    """Mark what is not in the sample of `day` as skipped; `arguments` are those of the command line."""
    named = {test for mutant in mutants() for test in mutant.tests}
    asked = tuple(argument for argument in arguments if "::" in argument)
    for item in left_out(items, day):
        is_named = item.nodeid in named and item.get_closest_marker("sampled").kwargs.get("named", True)
        if not is_named and not _is_asked_for(item.nodeid, asked):
            item.add_marker(pytest.mark.skip(reason=REASON))


def misnamed(nodeids):
    """Return what mutants name and is no test, of the files whose tests all have these ids."""
    files, found = {one.partition("::")[0] for one in nodeids}, set(nodeids)
    found |= {one.partition("[")[0] for one in nodeids}
    named = sorted({test for mutant in mutants() for test in mutant.tests})
    return [test for test in named if "::" in test and test.partition("::")[0] in files and test not in found]


class Misnamed(pytest.Item):
    """Takes the place of all tests of a run, and fails by what mutants name and is no test.

    An error while tests are collected would end the processes that share a run before any of them could say it.
    """

    @classmethod
    def instead_of(cls, items, session, named):
        """Leave of `items` this one alone, which tells the ids in `named`."""
        item = cls.from_parent(session, name=INDEX.relative_to(PROJECT).as_posix())
        item.named = named
        items[:] = [item]

    def runtest(self):
        """Fail."""
        pytest.fail(f"{self.name} names no test: {', '.join(self.named)}", pytrace=False)

    def reportinfo(self):
        """Return where it is: its file."""
        return INDEX, None, self.name


def _is_asked_for(nodeid, asked):
    return any(nodeid == one or nodeid.startswith((f"{one}[", f"{one}::")) for one in asked)


def left_out(items, day):
    """Return the items whose turn it is not on this day, in a fixed order."""
    groups = defaultdict(list)
    for item in items:
        mark = item.get_closest_marker("sampled")
        if mark is not None:
            groups[_group(item, mark.kwargs)].append(item)
    found, numbers = [], {}
    for index, ((test, _values, of, rests, turn), cases) in enumerate(groups.items()):
        number = numbers.setdefault((test.partition("::")[0], turn) if turn else index, index)
        days = of if rests else min(of, len(cases))
        # Fewer than there are days: not on days one after the other
        step = days / min(days, len(cases))
        found += [item for at, item in enumerate(cases) if (int(at * step) - day - number) % days]
    return found


def running(request, *names, file=None):
    """Return the values of a parameter, or tuples of those of several, with which tests of the module run, for a
    fixture's `request`; `file` (Path) is another module."""
    return {
        itemgetter(*names)(item.callspec.params)
        for item in request.session.items
        if item.path == (file or request.path) and item.get_closest_marker("skip") is None
        if hasattr(item, "callspec") and set(names) <= set(item.callspec.params)
    }


def _group(item, mark):
    assert set(mark) <= {"of", "each", "kind", "rests", "named", "turn"}, mark
    values = (mark.get("kind"), *(repr(item.callspec.params[name]) for name in mark.get("each", ())))
    return item.nodeid.partition("[")[0], values, mark["of"], mark.get("rests", False), mark.get("turn")
