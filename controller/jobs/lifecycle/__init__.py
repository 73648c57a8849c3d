"""What a job is, whoever moves it: states, plan, changes, lease, what is kept of it, and pure decisions about it."""
