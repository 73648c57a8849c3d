"""A machine id for tests: the machine that they run on may have none."""

from controller import this_machine


def give_one(monkeypatch, folder):
    """This machine has an id, for as long as the test runs."""
    file = folder / "machine-id"
    file.write_text("0123456789abcdef" * 2 + "\n")
    monkeypatch.setattr(this_machine, "FILES", (file,))
