"""The HTTP server in front of the application: arrival of whole requests, agents' socket, plain paths, its log."""
