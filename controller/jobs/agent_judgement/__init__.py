"""Judges a job's agent from its reports and what a probe found: started, in trouble, silent. Decisions without I/O."""
