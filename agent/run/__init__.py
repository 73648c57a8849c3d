"""One run of the agent: command line, order of the stages, helper process, outcomes."""
