"""Moving jobs: worker, job runner, step runner, interventions, probes of silent agents, rollback, follow-up jobs."""
