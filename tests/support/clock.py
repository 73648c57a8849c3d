"""A clock for tests that goes only when the test moves it."""

START = 1_800_000_000.0


class Clock:
    """Call it for the time, `now`, in unix seconds."""

    def __init__(self, now=START):
        self.now = now

    def __call__(self):
        return self.now

    def pass_by(self, seconds):
        """Let time pass."""
        self.now += seconds
