"""`shoplaunch pack`: pack a template shop into a bundle, check it, and decide about findings."""
