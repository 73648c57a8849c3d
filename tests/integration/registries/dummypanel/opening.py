"""What the registry asks of a driver's package."""

from functools import cache

from controller.panels.base import Check
from shared.errors import ShoplaunchError
from tests.fakes.folder_panel import FolderPanel

COLORS = ("red", "green")


class DummyPanel(FolderPanel):
    kind = "dummy"

    def check(self):
        return [Check("color", True, "a fine color"), Check("taste", False, "none", "Buy some.", essential=False)]


@cache
def opened(folder):
    return DummyPanel(folder)


def open_panel(config, server):
    return opened(config.home / "dummy")


def settings(values):
    for name, value in values.items():
        if name != "color" or value not in COLORS:
            raise ShoplaunchError("config_invalid", f"dummies have no {name}={value}")
    return dict(values)


def address(url):
    return f"dummy://{url}"


def login_name(user):
    return user.upper()
