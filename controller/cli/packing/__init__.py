"""`shoplaunch pack`: a template shop becomes a bundle, is checked, and what was found is decided."""
