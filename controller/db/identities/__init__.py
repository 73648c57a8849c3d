"""Queries on identities: operators, their sessions and logins, keys of billing systems, the audit log."""
