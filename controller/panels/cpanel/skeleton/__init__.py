"""The skeleton of new accounts on a cPanel server, and the ways to write it."""
