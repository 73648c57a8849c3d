"""An account that closes its folders to itself, or changes them all the time, keeps nobody from looking or removing."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from controller.jobs.agent_link import panel_reading
from controller.panels.local.as_account.run import AsAccount, Identity
from shared.errors import ShoplaunchError
from shared.job import FOLDER, STATE_FILE
from tests.attacks.table import attack

pytestmark = pytest.mark.root

#: Nobody's on this machine.
UID = 58_123
#: Makes and removes folders until it is ended.
CHURN = """
import os, sys
os.chdir(sys.argv[1])
print("up", flush=True)
while True:
    for number in range(50):
        os.mkdir(str(number))
    for number in range(50):
        os.rmdir(str(number))
"""


@pytest.fixture
def home():
    base = Path(tempfile.mkdtemp(prefix="shoplaunch-closed-"))
    base.chmod(0o755)
    made = base / "alice"
    for folder in (made, made / FOLDER, made / "mine"):
        folder.mkdir()
    for file in (made / FOLDER / STATE_FILE, made / "mine" / "a.txt"):
        file.write_text("{}")
    for path in (made, *made.rglob("*")):
        os.chown(path, UID, UID)
    yield made
    shutil.rmtree(base)


@pytest.fixture
def hands(home):
    return AsAccount(Identity(UID, UID, str(home.parent), "alice"))


@attack("An account closes its home to itself", "a process that works there as the account opens it again")
@pytest.mark.parametrize("mode", [0o000, 0o500, 0o070])
def test_a_home_that_is_closed_to_its_owner_is_opened_again(home, hands, mode):
    home.chmod(mode)
    assert hands.read(f"{FOLDER}/{STATE_FILE}", 100) == b"{}"
    hands.remove(FOLDER)
    assert not (home / FOLDER).exists()
    # What others were allowed they still are
    assert home.stat().st_mode & 0o777 == mode | 0o700


@attack("An account closes the agent's folder, or its state, to itself",
        "it counts as something else in that place, and can be removed")  # fmt: skip
@pytest.mark.parametrize("what", [FOLDER, f"{FOLDER}/{STATE_FILE}"])
def test_a_folder_that_is_closed_to_its_owner_is_none_and_goes(home, hands, what):
    (home / what).chmod(0o000)
    with pytest.raises(ShoplaunchError) as problem:
        hands.read(f"{FOLDER}/{STATE_FILE}", 100)
    assert problem.value.code in panel_reading.NO_FOLDER
    hands.remove(FOLDER)
    assert not (home / FOLDER).exists()


@attack("A client closes a folder in the home to itself before the cancelled account is looked through",
        "the folder counts as something that came since")  # fmt: skip
def test_a_closed_folder_is_reported_with_the_rest(home, hands):
    (home / "mine").chmod(0o000)
    found = hands.entries([FOLDER])
    assert set(found) == {"mine"} and "closed" in found["mine"]


@attack("A client makes and removes folders all the time while the account is looked through",
        "what is gone between two looks is passed over")  # fmt: skip
def test_a_home_that_changes_all_the_time_is_looked_through(home, hands):
    command = [sys.executable, "-I", "-S", "-c", CHURN, str(home / "mine")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, user=UID, group=UID, extra_groups=[]) as churning:
        try:
            assert churning.stdout.readline() == b"up\n"
            for _ in range(20):
                assert "mine" in hands.entries([FOLDER])
        finally:
            churning.kill()
