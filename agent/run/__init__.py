"""How one start of the agent goes: command line, order of the stages, helper process, ends."""
