"""Persian sentences for errors' messages, by who says them; in gaps ({}) stands what a message fills in, in order."""

from controller.wording.persian import agent, controller, documents, panels, shops

SENTENCES: "dict[str, str]" = {
    **agent.SENTENCES,
    **documents.SENTENCES,
    **controller.SENTENCES,
    **shops.SENTENCES,
    **panels.SENTENCES,
}
