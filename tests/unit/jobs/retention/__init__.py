"""The shop a job makes."""
