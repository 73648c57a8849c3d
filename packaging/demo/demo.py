"""`make demo`: a shop restored into a new account by real cron, from the first package to the birth certificate.

Usage: demo.py [--bundle FILE] | --clean
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from controller.bundles.residue.bundle_reader import check_members, open_bundle
from controller.cli.terminal import encodings
from controller.cli.terminal.output import show_error
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError

sys.path.insert(0, str(Path(__file__).resolve().parent))
from world import PROJECT, SAMPLE_SHOP, SAMPLE_VARIANTS, World, WorldFailed

DIRECTORY = Path(os.environ.get("SHOPLAUNCH_DEMO", "/var/lib/shoplaunch-demo"))
SERVER = "thishost"
TEMPLATE_DOMAIN = "template.example"
#: Cron fires once a minute; a small shop then takes seconds, a user's own bundle may take longer.
WAIT_SECONDS = 1800

#: The sources of the sample's bundle, and the code that packs it.
SAMPLE_SOURCES = [SAMPLE_SHOP, *(PROJECT / name for name in ("controller/bundles", "controller/recipes", "shared"))]
#: Letters of the file's name in a bundle's name, and of the manifest's digest.
_STEM_LETTERS = 40
_DIGEST_LETTERS = 12

console = Console()


def main() -> int:
    """Run the demo; return the process's exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, help="your own bundle instead of the sample shop's")
    parser.add_argument("--clean", action="store_true", help="remove everything the demo made")
    options = parser.parse_args()
    encodings.settle()
    # Web server and accounts need some of what is made, and may change none of it, whatever the caller's mask
    os.umask(0o022)
    try:
        # Before anything is started: an unusable file leaves the machine as it is
        digest = checked(options.bundle) if options.bundle else ""
        world = World(DIRECTORY, prefix="sldemo", like_http=True)
        if options.clean:
            world.remove()
            console.print("Nothing of the demo is left.")
            return 0
        return _run(world, options.bundle, digest)
    except ShoplaunchError as problem:
        show_error(problem.code, problem.message)
        return 1
    except WorldFailed as problem:
        console.print(
            f"{problem}\nThe demo ended; `make demo` goes on with what is there, `make clean` removes it.", markup=False
        )
        return 1


def _run(world: World, given: Path | None, digest: str) -> int:
    with console.status("Starting MariaDB, PHP-FPM, Apache and the controller"):
        # The controller's code may have changed or disappeared since an earlier start
        world.stop_controller()
        if (world.directory / "operator.json").exists():
            world.run("migrate")
        login = world.start()
    _say("Services and controller run", world.url)
    bundle = _bundle(world, given, digest)
    _server(world)
    job = _order(world, bundle)
    world.run("watch", job, stdout=None, stderr=None, check=False, timeout=WAIT_SECONDS)
    return _show(world, job, login)


def _say(what: str, detail: str = "") -> None:
    console.print(f"[green]✓[/] {what} [dim]{detail}[/]")


def checked(file: Path) -> str:
    """Return the digest of a bundle's manifest after checking every member against its own. Raises ShoplaunchError."""
    with open_bundle(file) as bundle:
        check_members(bundle)
        return bundle.manifest_sha256


def _bundle(world: World, given: Path | None, digest: str) -> str:
    """Return the name of a bundle in the controller: the user's with this digest, or the sample shop packed now."""
    known = {row["name"]: row["manifest_sha256"] for row in world.json("bundle", "list")}
    name = _name(given, digest) if given else _sample_name()
    if name in known and (given is None or known[name] == digest):
        _say("Bundle is known", name)
        return name
    if given is None:
        with console.status("Installing the sample shop as a template"):
            root, url, password = world.install_sample(TEMPLATE_DOMAIN)
        given = world.directory / "sample.bundle"
        _say("Template shop installed", str(root))
        world.pack(root, url, password, given, SAMPLE_VARIANTS, stdout=None, stderr=None)
    world.run("bundle", "add", name, str(given))
    _say("Bundle added", name)
    return name


def _sample_name() -> str:
    """Return the sample's name, which changes whenever its content or its packing changes."""
    files = [path for folder in SAMPLE_SOURCES for path in sorted(folder.rglob("*")) if path.is_file()]
    made_of = "".join(sha256_hex(path.read_bytes()) for path in files if path.suffix != ".pyc")
    return f"sample-{sha256_hex(made_of.encode('ascii'))[:_DIGEST_LETTERS]}"


def _name(given: Path, digest: str) -> str:
    """Return a bundle's name that contains the file's name and is unique to the content."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", given.stem).strip("._-")[:_STEM_LETTERS]
    return f"{stem or 'bundle'}-{digest[:_DIGEST_LETTERS]}"


def _server(world: World) -> None:
    """Register this machine with the controller, and put launcher and agent into its skeleton."""
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
    _say("Order accepted", f"job {job}; the agent is started at once, by cron within a minute should that fail")
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
    console.print("[green]The shop lives[/]")
    lines = [f"Shop         {shop['shop_url']}", f"Back office  {shop['admin_url']}"]
    lines += [f"Login        owner@example.com  /  {password}", "", f"Operator     {world.url}/admin/"]
    lines += [f"Login        {login.get('user')}  /  {login.get('password')}", ""]
    lines += [f"Certificate  {world.url}/admin/jobs/{job}/certificate", "Remove all   make clean"]
    # Addresses and passwords are copied: no line is wrapped, nor read as markup
    console.print("\n".join(lines), soft_wrap=True, markup=False, highlight=False)
    return 0


def _stages(certificate: dict[str, Any]) -> Table:
    table = Table(title="Time per stage")
    table.add_column("stage")
    table.add_column("seconds", justify="right")
    for stage, seconds in certificate["stages"].items():
        table.add_row(stage, f"{seconds:.2f}")
    return table


def _password(world: World, domain: str) -> str:
    """Return the password from the client's mail."""
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
