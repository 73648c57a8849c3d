"""Notifications through WHMCS: calls of its API and their answers, and the tickets and mails made there, each once."""
