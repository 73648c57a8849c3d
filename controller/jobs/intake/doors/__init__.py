"""An installation's interfaces, one for each kind of caller, so that no caller handles engine or keys."""

#: Rows that a list returns unless more are requested.
MANY = 1000
