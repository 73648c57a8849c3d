"""Exit codes of the agent."""

DONE = 0
#: Failed for now; the next tick goes on.
WAITING = 1
#: Wrong usage.
USAGE = 2
#: Failed for good; a new attempt is needed.
FAILED = 3
#: A newer attempt has taken over.
SUPERSEDED = 4
CANCELLED = 5
#: Another agent holds the lock.
BUSY = 6
#: Started at once within limits too small for the work, which is left to cron's next tick.
LIMITED = 7
