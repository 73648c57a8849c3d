"""Whole chains: real services, real accounts, real cron."""
