"""What the agent does in an account's database: its ways in, the ledger, rows and connections."""
