"""Clients: the job behind the link in a mail, and the password that is shown or chosen behind another link."""

from __future__ import annotations

from controller.db.connection.engine import reading
from controller.db.identities.access import Note
from controller.db.jobs import Job, get
from controller.jobs.intake import password_choice
from controller.jobs.intake.installation import Installation
from controller.jobs.shop import credentials
from shared.errors import ShoplaunchError


class Clients:
    """What clients reach through links, each for one job. Every method raises ShoplaunchError."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    def job_of_status(self, token: str) -> Job:
        """Return the job whose client page this is. Raises status_unknown."""
        try:
            with reading(self._installation.engine) as connection:
                return get(connection, self._installation.tokens.read_status(token))
        except ShoplaunchError as error:
            if error.code != "job_unknown":
                raise
            raise ShoplaunchError("status_unknown", "the address was not issued by this controller") from None

    def job_of_credentials(self, token: str) -> tuple[Job, str]:
        """Return (the job of the client's password link, the link's nonce). Raises credentials_gone."""
        job_id, nonce = self._installation.tokens.read_credentials(token)
        return credentials.job_of(self._installation.engine, job_id, nonce), nonce

    def password_state(self, job: Job) -> str:
        """Return whether the password waits, was shown or is gone; see controller.jobs.shop.credentials.state."""
        return credentials.state(job, self._installation.now())

    def show_password(self, job: Job, nonce: str, note: Note) -> str | None:
        """Return the password and forget it; None when the link was used already."""
        own = self._installation
        return credentials.show(own.engine, own.keys, job.id, nonce, own.now(), note)

    def choose_password(self, job: Job, nonce: str, password: str, note: Note | None = None) -> bool:
        """Set the password the client chose; see controller.jobs.intake.password_choice.choose."""
        return password_choice.choose(self._installation, job, nonce, password, note)

    def password_progress(self, job: Job) -> str:
        """Return the progress of setting the password chosen through the job's link."""
        return password_choice.progress(self._installation, job)
