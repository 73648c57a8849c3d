"""How long what is kept: details of finished jobs, logs, clients' data; and a client's data erased on request."""
