"""What the WHMCS addon costs a page that does not concern it: `python -m tests.bench.addon`."""

from tests.fakes.whmcs_php.harness import Whmcs
from tests.support import leftovers
from tests.support.servers.databases.mariadb import start_private, stop_private

ROUNDS = 2000


def main():
    """Print microseconds per page: hooks.php and autoloader loaded without opcache, and the hooks every page has."""
    server = start_private()
    try:
        whmcs = Whmcs(server)
        whmcs.activate(products="3 = boutique")
        spent = whmcs.do("bench", rounds=ROUNDS)
        whmcs.close()
    finally:
        stop_private(server)
    print(f"hooks.php loaded: {spent['file'] * 1e6:.0f} µs   hooks of a page: {spent['hooks'] * 1e6:.1f} µs")


if __name__ == "__main__":
    with leftovers.noted_run():
        main()
