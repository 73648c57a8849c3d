"""The connection to the state database: engine, clock, transactions, and what a full disk means."""
