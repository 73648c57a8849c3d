"""Stage 4: what a shop became is compared with its dump as the client loads it, and with its tree."""

from pathlib import Path

from tests.corpus import template
from tests.corpus.compared import compare_tables, compare_tree, replaced, residue
from tests.corpus.compared.database import Server
from tests.corpus.shops import FAILED, PASSED

SCRATCH = "corpus_dump"
#: The best first: a name no template has.
PREFERRED = ("idn", "root", "folder")


def compare(world, shop, rows, jobs, report):
    """Compare one of the shops that live; return the stage's document."""
    name = next(one for one in PREFERRED if one in jobs)
    row, job = rows[name], jobs[name]
    server = Server(world.world.stack.mariadb_socket)
    dumped, said = server.load(shop.dump, SCRATCH)
    try:
        origin = template.read(shop, server, dumped)
        root = Path(world.root(job)) / (row["folder"] or "")
        known = sorted(
            {*replaced.template_values(origin), *replaced.shop_values(row, root)}, key=lambda one: -len(one[1])
        )
        canonical = replaced.Canonical(known)
        tables = compare_tables.compare(server, dumped, world.database(job), report, canonical, origin.prefix)
        tree = compare_tree.compare(shop.tree, root, report, canonical, origin.paths)
        left = residue.search(origin, row, root, shop.tree, server.socket, world.database(job))
    finally:
        server.drop(SCRATCH, dumped)
    faults = tables["unexplained_total"] + tree["unexplained_total"] + left["total"]
    document = {
        "state": FAILED if faults else PASSED,
        "shop": name,
        "client": said[-2000:],
        "tables": tables,
        "tree": tree,
        "residue": left,
    }
    if faults:
        counted = f"tables: {tables['unexplained_total']}, in files: {tree['unexplained_total']}"
        document |= {"code": "differences", "message": f"unexplained in {counted}; residue: {left['total']}"}
    return document
