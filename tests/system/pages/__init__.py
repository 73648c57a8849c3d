"""The pages for people are true: every command they show is run."""
