"""The settings: what there is, where a value comes from, and what is wrong with it."""
