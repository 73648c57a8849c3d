"""Who may sign in and who may sign requests: operators and keys, managed alike by the command line and by pages."""
