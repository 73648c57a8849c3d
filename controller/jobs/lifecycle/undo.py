"""How far taking a cancelled job back has come, as its fact `undo` says."""

WANTED, PLACED, DONE = "wanted", "placed", "done"
