"""Billing systems and mail: who is notified about a shop, and how."""
