"""The ways in: orders, billing events, what the web and the command line ask of jobs. `service` is the door."""
