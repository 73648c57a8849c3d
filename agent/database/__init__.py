"""The shop's database: the connection, the ledger, and the import of tables and rows."""
