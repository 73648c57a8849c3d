"""The steps of a job: one module each with `run(work)`; their order and dependencies are data in `plan`."""
