"""Templates and dumps of strangers: bounded, confined, and without what must not leave them."""
