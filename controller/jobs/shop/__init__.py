"""The shop that a job makes: its values and secrets, visits to it, its certificate, notifications to its client."""
