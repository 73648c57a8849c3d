"""Jobs moved by workers: retried, cancelled, silent, followed up."""
