"""Commands on servers: their rows, their starts, the files new accounts are created with."""
