"""The shop a job makes: its values and secrets, visits to it, its certificate, and what its client is told."""
