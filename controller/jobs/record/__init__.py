"""What a job carries: typed facts, sealed values, tokens, claims, and the forms of domains, folders, foreign text."""
