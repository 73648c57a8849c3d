"""A program at a real terminal (a pty) of any width: what it prints, and answers to what it asks."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios


def at_terminal(command, environment, answers=(), columns=80):
    """Run `command` at a terminal; answer each prompt with the next of (what is in it, answer).

    Return (exit code, all that was shown). Each answer must have been asked for.
    """
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    kept = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
    environment = {**kept, "TERM": "xterm"}
    process = subprocess.Popen(command, env=environment, stdin=other, stdout=other, stderr=other, close_fds=True)
    os.close(other)
    shown, seen, raw = "", 0, b""
    waiting = list(answers)
    while True:
        ready, _, _ = select.select([main], [], [], 600)
        assert ready, shown
        try:
            piece = os.read(main, 65536)
        except OSError:
            break
        if not piece:
            break
        raw += piece
        shown = raw.decode("utf-8", "replace").replace("\r\n", "\n")
        if waiting and waiting[0][0] in shown[seen:]:
            seen = len(shown)
            os.write(main, waiting.pop(0)[1].encode() + b"\n")
    os.close(main)
    code = process.wait()
    assert not waiting, shown
    return code, shown
