"""How long what is kept: the kinds and their periods, the sweep that removes what is over, what names a client."""
