"""What every command prints and asks: tables, bars, failures, confirmations."""
