"""The registry of follow-up jobs: what may be done to a living shop, in the words of command line and pages.

A new kind is one entry of KINDS and a module of its name in `controller/jobs/steps/follow_ups/`, which looks at the
change from outside. The recipes say what it does to a shop of theirs (`jobs()`), the agent carries that out.
What is not in Python has to be added by hand (`tests/unit/house/sources/test_registries.py` names what is missing):
the kind in the schemas `job`, `state` and `service` and in the addon for WHMCS, its words in Persian.
"""

from __future__ import annotations

from dataclasses import dataclass

HTTPS_ON, SET_ADMIN_PASSWORD, REMOVE = "https_on", "set_admin_password", "remove"


@dataclass(frozen=True)
class Kind:
    """One kind of follow-up job. All texts are English; the pages have them in Persian, too."""

    name: str
    #: Its name on pages, and what the audit log says of who began one.
    label: str
    begun: str
    #: The confirmation on its page: a question, and what the change means for the shop.
    question: str
    consequences: tuple[str, ...]
    #: The help of its command, and what the command asks; {shop} is the shop's address.
    command_help: str
    command_question: str
    #: What the confirming button says, where that is not the label.
    button: str = ""
    #: It may fail in a way only visible from outside: its bundle must tell how it is rolled back.
    needs_back: bool = False
    #: It sets a password of the administrator, which is given when it is started.
    asks_password: bool = False
    #: It takes something from the client: operators need the highest role.
    takes_from_client: bool = False
    #: Visitors find no shop afterwards.
    closes_shop: bool = False

    @property
    def command(self) -> str:
        """Its command of `shoplaunch`."""
        return self.name.replace("_", "-")


def _by_name(*kinds: Kind) -> dict[str, Kind]:
    return {kind.name: kind for kind in kinds}


KINDS: dict[str, Kind] = _by_name(
    Kind(
        HTTPS_ON,
        label="Switch to https",
        begun="Switched to https",
        question="Switch this shop to https?",
        consequences=(
            "Visitors of http are led to https from then on, and links change in the living shop.",
            "First the controller checks whether a valid certificate is served; a shop that does not answer on https "
            "afterwards is switched back.",
        ),
        command_help="Switch the shop of job ID to https; rolled back when it does not work from outside.",
        command_question="Switch the shop {shop} to https?",
        needs_back=True,
    ),
    Kind(
        SET_ADMIN_PASSWORD,
        label="New administrator password",
        begun="Set a new administrator password",
        question="Set another password of the administrator?",
        consequences=(
            "The password in use ends at once: from then on only the new one opens the back office.",
            "Nobody is notified of it; give it to the client yourself.",
        ),
        command_help="Give the administrator of the shop of job ID a new password: asked for, or the first line of "
        "standard input.",
        command_question="The administrator's password of {shop} ends. Continue?",
        button="Set the password",
        asks_password=True,
        takes_from_client=True,
    ),
    Kind(
        REMOVE,
        label="Close the shop",
        begun="Closed the shop",
        question="Close this shop?",
        consequences=(
            "Visitors see that the shop is closed, and nobody can buy or sign in any more.",
            "Files and data stay until the account goes; nothing on these pages opens the shop again.",
        ),
        command_help="Close the shop of job ID for visitors; its files and data stay until the account goes.",
        command_question="Close the shop {shop}?",
        takes_from_client=True,
        closes_shop=True,
    ),
)
