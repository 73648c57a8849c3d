"""Starting an account's agent at once on a cPanel server, by its site or by SSH."""
