"""`shoplaunch` of an installation that knows one more kind of panel: one entry, before any command is loaded."""

from controller.panels.registry import PANELS, Kind

DUMMY = Kind(
    "tests.integration.registries.dummypanel", "Dummy", url_help="a name, without a scheme", user_help="anybody",
    settings_help="color (red, green)",
)  # fmt: skip

if __name__ == "__main__":
    PANELS["dummy"] = DUMMY
    from controller.cli import main

    main()
