"""Start an account's agent at once on a cPanel server, through its site or by SSH."""
