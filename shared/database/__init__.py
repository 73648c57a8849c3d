"""What both sides know of database servers: their Unix sockets, log-ins, and errors of the disk."""
