"""The mails that a controller puts into a folder."""

from email import message_from_bytes

from controller.billing.mail import Mail
from controller.settings.sections import MailConfig


def mails_of(folder):
    """Return the mails of the folder, the oldest first."""
    return [message_from_bytes(path.read_bytes()) for path in sorted(folder.iterdir())]


def put_into(world, monkeypatch, folder):
    """From now on the world's news are mails of `folder`."""
    sender = Mail(MailConfig(folder=str(folder), operator="operator@example.com"))
    for what in ("hand_over", "alarm"):
        monkeypatch.setattr(world.mail, what, getattr(sender, what))
