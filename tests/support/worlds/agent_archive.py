"""An agent's archive, taken apart and put together again with other sources in it."""

import zipfile

from controller.agent_archive.bytecode import BYTECODE, compiled_modules


def sources_of(path):
    """Return member name -> content of the agent at `path`, without bytecode: it would hide changed sources."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.startswith(f"{BYTECODE}/")}


def write_members(path, members):
    """Write an agent of `members` (name -> content) and their bytecode to `path`."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, **compiled_modules(members)}.items():
            archive.writestr(name, content)
