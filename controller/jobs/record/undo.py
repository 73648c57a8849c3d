"""Progress of a cancelled job's rollback, the values of its fact `undo`."""

WANTED, PLACED, DONE = "wanted", "placed", "done"
