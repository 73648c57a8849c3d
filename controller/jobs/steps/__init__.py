"""The steps of a job: one module each with `run(work)`, bound to their names in `registry`; and their rollback."""
