"""The life of a job: `service` is the way in, `states` the one transition table, `steps` the work."""
