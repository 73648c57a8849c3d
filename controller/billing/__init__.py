"""Billing systems and mail: who is told about a shop, and how."""
