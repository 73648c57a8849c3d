"""Output and questions of all commands: tables, bars, failures, confirmations."""
