"""The shop a job makes, as its visitors see it."""
