"""The command line, up to what it prints."""
