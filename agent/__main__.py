"""The archive's entry point."""

import sys

if __name__ == "__main__":
    if sys.version_info < (3, 6):
        sys.stderr.write("Python 3.6 or newer is needed\n")
        sys.exit(3)
    from agent.run.command_line import leave, main

    leave(main())
