"""Sessions, cookies, sign-ins and proxies."""
