"""Moving jobs: the worker, one job, one step; what an operator or an agent that is silent changes; follow-up jobs."""
