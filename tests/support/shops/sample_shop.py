"""The sample shop installed as a template; its pictures are drawn once in a run: they take longer than all the rest."""

import atexit
import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

SAMPLE = Path(__file__).resolve().parents[3] / "packaging" / "demo" / "sample-shop"
#: Names the folder in which all processes of a run find the pictures.
VARIABLE = "SHOPLAUNCH_TEST_PICTURES"
PASSWORD = "Sample-Pw-77!"
_DRAW = r"require $argv[1]; (new SampleShop\Installer\Pictures($argv[2]))->draw();"
#: The folder that this process made.
_made = []


def choose_place():
    """This process and those that it starts keep the pictures in one folder."""
    if VARIABLE not in os.environ:
        _made.append((tempfile.mkdtemp(prefix="shoplaunch-pictures-"), os.getpid()))
        os.environ[VARIABLE] = _made[-1][0]


def remove_pictures():
    """The folder that this process made is gone."""
    while _made:
        folder, owner = _made.pop()
        if owner == os.getpid():
            os.environ.pop(VARIABLE, None)
            shutil.rmtree(folder, ignore_errors=True)


def pictures():
    """Return a document root that holds the pictures, which the first one who asks draws. Skips without PHP."""
    if shutil.which("php") is None:
        pytest.skip("no php for the sample shop")
    # Worlds are made by programs as well, besides the tests
    choose_place()
    place = Path(os.environ[VARIABLE])
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "drawn").exists():
            code = ["php", "-r", _DRAW, "--", str(SAMPLE / "installer" / "Pictures.php"), str(place)]
            subprocess.run(code, check=True, stdout=subprocess.DEVNULL)
            (place / "drawn").touch()
    return place


def install(root, domain, url, password, *more):
    """Install the shop into `root`, for `domain`; its database is at `url` and has that password. `more` are options of
    the installer. Skips without PHP."""
    command = ["php", str(SAMPLE / "install.php"), "--docroot", str(root), "--domain", domain, "--db-url", url]
    command += ["--admin-email", "boss@template.example", "--admin-password", PASSWORD]
    done = subprocess.run(
        [*command, "--pictures-of", str(pictures()), *more],
        env={**os.environ, "SAMPLE_SHOP_DB_PASSWORD": password}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout


atexit.register(remove_pictures)
