"""Applies each mutant to a copy of the project and expects that its tests fail: a protection nobody tests is found."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from xml.etree import ElementTree

from tests.mutants.catalogue import PROJECT, DoesNotApply, mutants, mutated
from tests.support import leftovers
from tests.support.servers import machines_cron
from tests.support.waiting import PATIENCE

#: How long the tests of one mutant may take, and then what they leave to be taken away.
LIMIT_SECONDS = 600
END_SECONDS = 120
#: What never comes is waited for so long; without the mutant it came while other tests ran as well.
WAIT_SECONDS = 90
RED, GREEN, BROKEN = "red", "GREEN", "broken"
#: Mutants judged at the same time: their tests wait most of the time.
AT_ONCE = 4
#: What pytest's exit code says.
ALL_PASSED, SOME_FAILED = 0, 1
#: What is compiled is copied, too: it holds for each file that the mutant leaves alone.
NOT_COPIED = (".venv", ".git", ".*_cache", "*.egg-info", ".hypothesis", "build")


@contextmanager
def copied():
    """Yield a copy of the project, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="slmutant") as folder:
        # Accounts run what lies in the project
        Path(folder).chmod(0o755)
        copy = Path(folder, "project")
        shutil.copytree(PROJECT, copy, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
        # The pinned libraries, fetched once
        (PROJECT / "build").mkdir(exist_ok=True)
        (copy / "build").symlink_to(PROJECT / "build")
        yield copy


@contextmanager
def changed_in(copy, changed):
    """The files of `changed` (path -> text) are so in the copy; afterwards they are the project's again, and what is
    compiled of them holds."""
    try:
        for path, text in changed.items():
            (copy / path).write_text(text, "utf-8")
            if path.endswith(".py"):
                compile(text, path, "exec")
        yield
    finally:
        for path in changed:
            shutil.copy2(PROJECT / path, copy / path)


def in_copy(copy, *arguments, **more):
    """Start Python in `copy` so that the project it imports is the copy; return the process, in a group of its own.

    `more` are environment variables.
    """
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", **more}
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=copy,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def output_of(process, seconds):
    """Return what the process says; it is ended when it takes longer than `seconds`, or when we are interrupted."""
    try:
        return process.communicate(timeout=seconds)[0]
    except BaseException:
        # First as by the keyboard: accounts, servers and mounts are taken away then
        for kind in (signal.SIGINT, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, kind)
            try:
                process.communicate(timeout=END_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            break
        raise


def check_imports(copy):
    """Raise SystemExit unless the copy is what its tests import."""
    code = "import agent, controller, shared, tests; print(agent.__file__, controller.__file__, shared.__file__)"
    said = output_of(in_copy(copy, "-c", code), LIMIT_SECONDS)
    if said.count(f"{copy}/") != 3:
        raise SystemExit(f"not the copy is imported:\n{said}")


def tested(copy, tests, seconds, **more):
    """Run `tests` in the copy; return (exit code, number of failed tests, what pytest said).

    `more` are environment variables. Raises subprocess.TimeoutExpired.
    """
    report = copy / "report.xml"
    report.unlink(missing_ok=True)
    # One that fails is enough
    command = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"--junitxml={report}", *tests]
    process = in_copy(copy, *command, **more)
    said = output_of(process, seconds)
    failed = 0
    if report.exists():
        failed = sum(int(suite.get("failures", 0)) for suite in ElementTree.parse(report).iter("testsuite"))
    return process.returncode, failed, said


def judge(mutant, copy):
    """Return (result in `copy`, which is as before then, why: text that helps with anything but RED)."""
    try:
        with changed_in(copy, mutated(mutant)):
            code, failed, said = tested(copy, mutant.tests, LIMIT_SECONDS, **{PATIENCE: str(WAIT_SECONDS)})
    except (DoesNotApply, SyntaxError) as error:
        return BROKEN, str(error)
    except subprocess.TimeoutExpired:
        return BROKEN, f"its tests take over {LIMIT_SECONDS} s"
    if code == ALL_PASSED:
        return GREEN, "no test noticed"
    # What fails before any test begins says nothing about the protection
    return (RED, "") if code == SOME_FAILED and failed else (BROKEN, said)


def check_undisturbed(chosen):
    """Raise SystemExit unless all tests pass without any mutant: only then a red one says something."""
    tests = list(dict.fromkeys(test for mutant in chosen for test in mutant.tests))
    with copied() as copy:
        check_imports(copy)
        shared = ["-n", str(AT_ONCE), "--dist", "loadscope"] if len(chosen) >= AT_ONCE else []
        code, _, said = tested(copy, [*shared, *tests], LIMIT_SECONDS * len(chosen))
    if code != ALL_PASSED:
        raise SystemExit(f"{said}\nthe tests fail without any mutant, too")


def timed(mutant, copies):
    """Return (mutant, its result in one of the copies, why, seconds)."""
    copy, began = copies.get(), time.monotonic()
    try:
        return mutant, *judge(mutant, copy), time.monotonic() - began
    finally:
        copies.put(copy)


def judged(chosen):
    """Yield what `timed` returns of each mutant, in their order; several are judged at once, each in its copy."""
    cron, copies = machines_cron.start_missing(), SimpleQueue()
    with ExitStack() as stack:
        for _ in range(min(AT_ONCE, len(chosen))):
            copy = stack.enter_context(copied())
            check_imports(copy)
            copies.put(copy)
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            yield from pool.map(lambda mutant: timed(mutant, copies), chosen)
        finally:
            # Those under way end by themselves, and take away what they made
            pool.shutdown(cancel_futures=True)
            machines_cron.end(cron)


def main(names):
    """Judge the mutants `names` (default: all) and print a table; return the exit code, 0 when all are red."""
    chosen = [mutant for mutant in mutants() if not names or mutant.name in names]
    if not chosen or len(chosen) < len(set(names)):
        raise SystemExit(f"no such mutant; there are: {', '.join(mutant.name for mutant in mutants())}")
    check_undisturbed(chosen)
    results = []
    for mutant, result, why, seconds in judged(chosen):
        results.append(result)
        print(f"{result:6} {seconds:4.0f} s  {mutant.name}.patch: {mutant.protection}")
        for test in mutant.tests:
            print(f"                {test}")
        print(f"{why}\n" if why else "", end="", flush=True)
    print(", ".join(f"{results.count(result)} {result}" for result in (RED, GREEN, BROKEN)))
    return 0 if set(results) == {RED} else 1


if __name__ == "__main__":
    with leftovers.noted_run():
        sys.exit(main(sys.argv[1:]))
