"""Moving jobs: what keeps the worker's loop going, watches it and tells how it is."""
