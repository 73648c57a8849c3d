"""Queries on who may do what: operators, their sessions and log-ins, keys of billing systems, the audit log."""
