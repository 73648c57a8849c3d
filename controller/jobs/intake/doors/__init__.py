"""The doors of an installation, one for each kind of asker: nobody else's engine or keys are needed behind one."""

#: So many rows are listed unless more are asked for.
MANY = 1000
