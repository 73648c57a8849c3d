"""The shop's database: how to reach it, its ledger, and what brings tables and rows into it."""
