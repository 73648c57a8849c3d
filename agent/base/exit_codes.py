"""Exit codes of the agent."""

DONE = 0
#: Failed for now; the next tick continues.
WAITING = 1
#: Wrong usage.
USAGE = 2
#: Failed permanently; a new attempt is needed.
FAILED = 3
#: A newer attempt has taken over.
SUPERSEDED = 4
CANCELLED = 5
#: Another agent holds the lock.
BUSY = 6
#: Started directly within limits too small for the work, which waits for cron's next tick.
LIMITED = 7
