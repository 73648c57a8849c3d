"""Where the archive starts. Every Python there is must understand this file."""

import gc
import os
import sys

if sys.version_info < (3, 6):
    sys.stderr.write("Python 3.6 or newer is needed\n")
    sys.exit(3)

if sys.argv[1:] == ["run"] and not os.environ.get("SHOPLAUNCH_CAME_BACK"):
    try:
        import _ssl, fcntl, zlib
    except ImportError:
        # The launcher has looked at nothing but the version; asked again, it takes another Python, or finds none
        os.environ["SHOPLAUNCH_CAME_BACK"] = "1"
        os.execv("/bin/sh", ["sh", os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "run")])


def is_gone(path):
    # os.path.exists takes any error for absence; only 2 (no such file) and 20 (a folder above is a file by now) are it
    try:
        os.lstat(path)
    except EnvironmentError:
        return sys.exc_info()[1].errno in (2, 20)
    return False


# Modules stay: to look for garbage while they are loaded takes a tenth of that time
gc.disable()

try:
    from agent.base.module_finder import install

    install(sys.path[0], "bytecode")

    from agent.run.command_line import leave, main

    code = main()
except (EnvironmentError, ImportError):
    if not is_gone(sys.path[0]):
        raise
    # An agent that was at work is through: it has removed itself, and this archive, while it was loaded
    os._exit(0)
leave(code)
