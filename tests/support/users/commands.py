"""Commands of the command line, run in the process of the tests: to start one takes as long as the most of them do."""

import subprocess

from click.testing import CliRunner

from controller.cli import main


def run_within(words, environment, answer=""):
    """Run `shoplaunch` with `words` and `environment` on top of this process's own, `answer` its standard input; return
    a subprocess.CompletedProcess. What it cannot show is what only a process of its own has: descriptors, signals."""
    done = CliRunner().invoke(main, [*map(str, words)], input=answer, env=environment, prog_name="shoplaunch")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)
