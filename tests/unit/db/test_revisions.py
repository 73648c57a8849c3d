"""Which revision is the newest is known without Alembic, as Alembic knows it: most commands only ask for it."""

import subprocess
import sys

from controller.db import migrate


def test_the_newest_revision_is_the_one_alembic_leads_to():
    assert migrate.newest() == migrate._scripts().get_current_head()


def test_opening_an_installation_does_not_load_what_migrates():
    asked = "import sys; import controller.jobs.intake.service; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked]).returncode == 0
