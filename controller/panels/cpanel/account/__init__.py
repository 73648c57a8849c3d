"""One account of a cPanel server: found, created, its files, databases, crontab, PHP, certificate; a reseller's own."""
