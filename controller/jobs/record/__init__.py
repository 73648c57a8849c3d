"""What a job carries with it: sealed values, tokens, the rules of folders, the form of foreign text."""
