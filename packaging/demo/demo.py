"""`make demo`: a shop restored into a new account by real cron, from the first package to the birth certificate.

Usage: demo.py [--bundle FILE] | --clean
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel as Box
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent))
from world import World

DIRECTORY = Path(os.environ.get("SHOPLAUNCH_DEMO", "/var/lib/shoplaunch-demo"))
SERVER = "thishost"
TEMPLATE_DOMAIN = "template.example"
#: Cron fires once a minute; a small shop then takes seconds, a user's own bundle may take longer.
WAIT_SECONDS = 1800

console = Console()


def main() -> int:
    """Run the demo; return the process's exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, help="your own bundle instead of the sample shop's")
    parser.add_argument("--clean", action="store_true", help="remove everything the demo made")
    options = parser.parse_args()
    world = World(DIRECTORY, prefix="sldemo", like_http=True)
    if options.clean:
        world.remove()
        console.print("Nothing of the demo is left.")
        return 0
    if options.bundle and not options.bundle.is_file():
        console.print(f"[red]{options.bundle} is not a file.[/] Make a bundle with: shoplaunch pack --help")
        return 2
    with console.status("Starting MariaDB, PHP-FPM, Apache and the controller"):
        login = world.start()
    _say("Services and controller run", world.url)
    bundle = _bundle(world, options.bundle)
    _server(world)
    job = _order(world, bundle)
    world.run("watch", job, stdout=None, stderr=None, check=False, timeout=WAIT_SECONDS)
    return _show(world, job, login)


def _say(what: str, detail: str = "") -> None:
    console.print(f"[green]✓[/] {what} [dim]{detail}[/]")


def _bundle(world: World, given: Path | None) -> str:
    """Return the name of a bundle the controller knows: the user's, or the sample shop packed now."""
    known = {row["name"] for row in world.json("bundle", "list")}
    name = given.stem if given else "sample"
    if name in known:
        _say("Bundle is known", name)
        return name
    if given is None:
        with console.status("Installing the sample shop as a template"):
            root, url, password = world.install_sample(TEMPLATE_DOMAIN)
        given = world.directory / "sample.bundle"
        _say("Template shop installed", str(root))
        world.pack(root, url, password, given, stdout=None, stderr=None)
    world.run("bundle", "add", name, str(given))
    _say("Bundle added", name)
    return name


def _server(world: World) -> None:
    """The controller knows this machine, and its skeleton holds launcher and agent."""
    if SERVER not in {row["name"] for row in world.json("server", "list")}:
        world.run("server", "add", SERVER, "--panel", "local")
    world.run("skeleton", "install", SERVER)
    _say("Server and skeleton are ready", SERVER)


def _order(world: World, bundle: str) -> str:
    """Order a shop in a new account; return the job's id."""
    account = world.free_account()
    arguments = ["--server", SERVER, "--bundle", bundle, "--domain", f"{account}.localhost"]
    arguments += ["--email", "owner@example.com", "--account", account, "--create-account"]
    arguments += ["--shop-name", "Demo Shop", "--first-name", "Dana", "--last-name", "Demo", "--language", "en"]
    job = world.json("order", *arguments)["id"]
    _say("Order accepted", f"job {job}; cron starts the agent within a minute")
    return str(job)


def _show(world: World, job: str, login: dict[str, str]) -> int:
    """Print what the shop's owner and the operator need; return the exit code."""
    shop = world.json("show", job)
    if shop["state"] != "live":
        error = shop["error"] or {}
        console.print(f"[red]The shop is {shop['state']}: {error.get('message', '')}[/]\n{error.get('advice', '')}")
        return 1
    certificate = world.json("certificate", job)
    console.print(_stages(certificate))
    password = _password(world, shop["domain"])
    lines = [f"Shop         {shop['shop_url']}", f"Back office  {shop['admin_url']}"]
    lines += [f"Login        owner@example.com  /  {password}", "", f"Operator     {world.url}/admin/"]
    lines += [f"Login        {login.get('user')}  /  {login.get('password')}", ""]
    lines += [f"Certificate  {world.url}/admin/jobs/{job}/certificate", "Remove all   make clean"]
    console.print(Box("\n".join(lines), title="The shop lives", border_style="green", expand=False))
    return 0


def _stages(certificate: dict[str, Any]) -> Table:
    table = Table(title="Time per stage")
    table.add_column("stage")
    table.add_column("seconds", justify="right")
    for stage, seconds in certificate["stages"].items():
        table.add_row(stage, f"{seconds:.2f}")
    return table


def _password(world: World, domain: str) -> str:
    """Return the password the client's mail brought."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for message in sorted(world.mail.glob("*.eml"), reverse=True):
            text = message.read_text("utf-8")
            if domain in text and "Password:" in text:
                return text.split("Password:", 1)[1].split()[0]
        time.sleep(0.2)
    return "(in the mail)"


if __name__ == "__main__":
    sys.exit(main())
