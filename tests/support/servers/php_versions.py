"""The versions of PHP the addon is for, as far as they are at hand: installed, or compiled to WebAssembly.

SHOPLAUNCH_TEST_PHP names more binaries, SHOPLAUNCH_TEST_PHP_WASM folders in which `npm install @php-wasm/node-7-4`
(node-8-0 …) was run, both separated by colons; node is needed too. Those can check files, not run them.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

VERSIONS = ("7.4", "8.0", "8.1", "8.2", "8.3", "8.4")
BINARIES, WASM = "SHOPLAUNCH_TEST_PHP", "SHOPLAUNCH_TEST_PHP_WASM"
LINT = Path(__file__).with_name("php_lint.mjs")
_SERIES = re.compile(r"(?:node-|php_)(\d+)[-_](\d+)(?:\.js)?")
_ASK = "echo PHP_MAJOR_VERSION, '.', PHP_MINOR_VERSION, ' ', extension_loaded('pdo_mysql') && extension_loaded('curl');"
SECONDS = 300


def wasm_folder(series):
    """Return the first folder that has that series (such as "7.4") compiled to WebAssembly, None when none has it."""
    return wasm_at_hand().get(series)


def wasm_at_hand():
    """Return series -> folder of what is compiled to WebAssembly, the oldest first; one of 5.2 has no MySQL.

    A series may be a package of its own, or be in one with all of them: that is older, and counts where it is alone.
    """
    found = {}
    folders = [folder for folder in os.environ.get(WASM, "").split(":") if folder]
    for kind in ("node-*-*", "node/jspi/php_*_*.js"):
        for folder in folders:
            for path in (Path(folder) / "node_modules" / "@php-wasm").glob(kind):
                one = _SERIES.fullmatch(path.name)
                if one and one[1] != "5":
                    found.setdefault(f"{one[1]}.{one[2]}", folder)
    return dict(sorted(found.items(), key=lambda item: [int(part) for part in item[0].split(".")]))


def binary(version, *, whole=False):
    """Return the path of a PHP of that version, None when there is none; `whole`: with what the addon needs to run."""
    named = filter(None, os.environ.get(BINARIES, "").split(":"))
    for path in (*named, *filter(None, [shutil.which(f"php{version}"), shutil.which("php")])):
        said = subprocess.run([path, "-r", _ASK], capture_output=True, text=True, check=True, timeout=SECONDS).stdout
        number, _, able = said.partition(" ")
        if number == version and (able or not whole):
            return path
    return None


def complaints(version, files):
    """Return file -> what a PHP of that version has to say against it; skips where there is none of that version."""
    php, package = binary(version), f"node_modules/@php-wasm/node-{version.replace('.', '-')}"
    if php:
        return {str(file): _lint(php, file) for file in files}
    # Those of 5.2 are no use for shops, but read a file as any other
    folders = (folder for folder in os.environ.get(WASM, "").split(":") if folder)
    folder = next((folder for folder in folders if (Path(folder) / package).is_dir()), None)
    if folder is None:
        pytest.skip(f"no PHP {version} here: neither installed nor in {BINARIES} or {WASM}")
    command = ["node", str(LINT), folder, version, *map(str, files)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=SECONDS).stdout)


def _lint(php, file):
    done = subprocess.run([php, "-l", str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS)
    return "" if done.returncode == 0 else done.stdout.decode("utf-8", "replace")
