"""What a job is, independent of what moves it: states, plan, changes, lease, stored facts, and pure decisions."""
