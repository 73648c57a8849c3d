"""Queries of upkeep: what is overdue or undelivered, what is kept how long, what still needs a server or a bundle."""
