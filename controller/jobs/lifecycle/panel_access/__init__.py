"""When a step may call the panel: while its job is held, the server refuses no login, and it answers."""
