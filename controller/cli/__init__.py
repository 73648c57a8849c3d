"""The operator's command line: `shoplaunch`. Each module of this package adds its commands to the group."""

from __future__ import annotations

import importlib

import click

MODULES = (
    "setup",
    "run",
    "pack",
    "bundles",
    "servers",
    "skeletons",
    "agents",
    "orders",
    "jobs",
    "later",
    "errors",
    "operation",
)


@click.group()
@click.version_option(package_name="shoplaunch")
def main() -> None:
    """Give every new hosting account a working shop, by itself."""


for _name in MODULES:
    importlib.import_module(f"controller.cli.{_name}").register(main)
