"""The stages of a restore: one module each with `run(ctx)`; their order is data in `agent.run.runner`."""
