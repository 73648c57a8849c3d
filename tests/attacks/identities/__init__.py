"""Who may do what: operators, sessions, keys, and the audit log of it all."""
