"""What a job carries with it: sealed values, tokens, and the forms of domains, folders, foreign text."""
