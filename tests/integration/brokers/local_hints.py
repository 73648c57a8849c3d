"""Hints that stay on this machine, noted."""


class LocalHints:
    """This machine's own workers."""

    def __init__(self):
        self.hinted = []

    def hint(self, server):
        self.hinted.append(server)
