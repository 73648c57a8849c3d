"""Events, answers, downloads."""
