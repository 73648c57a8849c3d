"""An agent's archive, taken apart and put together again with other sources in it."""

import re
import zipfile

from controller.agent_archive.bytecode import BYTECODE, compiled_modules

#: The line of `__main__.py` that loads the agent, and what it is indented by.
_LOADS = re.compile(rb"^( *)from agent\.run\.command_line import leave, main\n", re.MULTILINE)


def sources_of(path):
    """Return member name -> content of the agent at `path`, without bytecode: it would hide changed sources."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.startswith(f"{BYTECODE}/")}


def write_members(path, members):
    """Write an agent of `members` (name -> content) and their bytecode to `path`."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, **compiled_modules(members)}.items():
            archive.writestr(name, content)


def once_loaded(members, statement):
    """Let an agent of `members` run `statement`, one line of Python, once it is loaded and before it does anything."""
    main, count = _LOADS.subn(lambda found: found[0] + found[1] + statement.encode() + b"\n", members["__main__.py"])
    assert count == 1
    compile(main, "__main__.py", "exec")
    members["__main__.py"] = main
