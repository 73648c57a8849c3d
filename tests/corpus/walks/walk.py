"""Stage 3: a shop is walked through in the browser, by a visitor and by its owner."""

import re
import time

from tests.browser.chromium.chrome import chrome
from tests.corpus.compared import compare_tree
from tests.corpus.compared.database import Server
from tests.corpus.shops import FAILED, PASSED
from tests.corpus.walks.browsing import ABSENT, Visitor
from tests.corpus.walks.walk_prestashop import PrestaShop
from tests.corpus.walks.walk_wordpress import WordPress

SECONDS = 1500
NOWHERE = "~NOTFOUND"
#: PrestaShop's, since 1.7.4 and before.
LOGS = ("var/logs", "app/logs")


class Walk:
    """One walk: `visitor` in the browser, `query` in the shop's tables, `row` the evidence of its order."""

    def __init__(self, visitor, query, row, password, whole, log=None):
        self.visitor, self.query, self.row, self.password = visitor, query, row, password
        #: What the shop has written into its own logs.
        self.log = log or Log(())
        #: Every page, or only those that show it lives there.
        self.whole = whole
        self.steps = []
        self._deadline = time.monotonic() + SECONDS

    def do(self, name, step):
        """Take one step: `step()` returns evidence, or a text that says why there is nothing to see."""
        start = time.monotonic()
        self.log.mark()
        try:
            if start > self._deadline:
                made = {"step": name, "state": FAILED, "faults": [f"not reached within {SECONDS} s"]}
            else:
                made = step()
        except Exception as problem:  # noqa: BLE001 - the next step has its turn
            text = f"{type(problem).__name__}: {str(problem).splitlines()[0] if str(problem) else ''}"
            made = {"step": name, "state": FAILED, "faults": [text[:300]]}
        if isinstance(made, str):
            made = {"step": name, "state": ABSENT, "faults": [], "why": made}
        self.steps.append(made | {"seconds": round(time.monotonic() - start, 1)})


class Log:
    """The files of `folders`, in which an application says why it answered as it did."""

    def __init__(self, folders):
        self._folders, self._sizes = folders, {}

    def mark(self):
        """What has been said until now does not count."""
        self._sizes = {path: path.stat().st_size for path in self._files()}

    def since(self):
        """Return the text that was added since the mark."""
        added = (path.read_bytes()[self._sizes.get(path, 0) :] for path in self._files())
        return b"".join(added).decode("utf-8", "replace")

    def _files(self):
        return [path for folder in self._folders for path in sorted(folder.glob("*.log"))]


def lacks(tree, row):
    """Return what tells whether `tree` has no file for a path of the shop of the evidence `row`."""
    new, old = row["admin_url"].rstrip("/").rpartition("/")[2], compare_tree.admin_folder(tree)

    def lacking(path):
        first, _, rest = path.partition("/")
        named = re.match(r"(\d+)(-[^/]+)?/[^/]+\.(\w+)$", path)
        if named:
            number, kind, ending = named[1], named[2] or "", named[3]
            path = f"img/p/{'/'.join(number)}/{number}{kind}.{ending}"
        elif first == new and old:
            path = f"{old}/{rest}"
        elif "." not in path.rpartition("/")[2]:
            return False
        return not (tree / path).exists()

    return lacking


def walk(world, shop, rows, jobs):
    """Walk through the shops that live, the one at the root wholly; return the stage's document."""
    hosts = {row["domain"]: "127.0.0.1" for name, row in rows.items() if name in jobs}
    document = {"state": PASSED, "shops": {}}
    server = Server(world.world.stack.mariadb_socket)
    whole = next(name for name in ("root", "folder", "idn") if name in jobs)
    with chrome(width=1400, height=1000, resolve={**hosts, "*": NOWHERE}) as driver:
        for name, job in jobs.items():
            visitor = Visitor(driver, rows[name]["shop_url"], lacks(shop.tree, rows[name]))
            query = _query(server, world.database(job))
            before = len(world.errors_of_php(job))
            root = world.root(job) / (rows[name]["folder"] or "")
            log = Log([root / folder for folder in LOGS])
            one = Walk(visitor, query, rows[name], world.password(job), name == whole, log)
            (PrestaShop if _is_prestashop(server, world.database(job)) else WordPress)(one).walk()
            said = world.errors_of_php(job)[before:]
            document["shops"][name] = {"steps": one.steps, "php_errors": said[-4000:]}
            visitor.forget()
    return document | _judged(document["shops"])


def _judged(shops):
    steps = [step for shop in shops.values() for step in shop["steps"]]
    bad = [step for step in steps if step["state"] == FAILED]
    found = {
        "passed": sum(step["state"] == PASSED for step in steps),
        "of": sum(step["state"] != ABSENT for step in steps),
    }
    found["absent"] = [f"{step['step']}: {step['why']}" for step in steps if step["state"] == ABSENT]
    if bad:
        message = "; ".join(f"{step['step']}: {(step['faults'] or [''])[0][:120]}" for step in bad[:6])
        found |= {"state": FAILED, "code": "walk", "message": message}
    return found


def _is_prestashop(server, database):
    return any(name.endswith("shop_url") for name in server.tables(database))


def _query(server, database):
    def query(statement, *values):
        rows = server.rows(statement, *values, database=database)
        return [tuple(None if value is None else value.decode("utf-8", "replace") for value in row) for row in rows]

    query.tables = server.tables(database)
    return query
