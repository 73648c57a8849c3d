"""Who may sign in and who may sign requests: operators and keys, changed alike by the command line and by pages."""
