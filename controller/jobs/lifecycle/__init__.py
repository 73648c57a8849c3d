"""What a job is, independent of what moves it: states, plan, changes, lease, step context, wake-up, bundle store."""
