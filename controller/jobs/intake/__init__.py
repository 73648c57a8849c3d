"""The ways in: orders, billing events, requests of web and command line about jobs. `service` is the interface."""
