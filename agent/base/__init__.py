"""The base of the agent: interpreter, files, exit codes, failures, log. It imports no other package of the agent."""
