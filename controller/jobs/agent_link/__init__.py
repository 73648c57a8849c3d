"""Talking with one agent: what is put into its account and read there, what its reports may cost, its bundle."""
