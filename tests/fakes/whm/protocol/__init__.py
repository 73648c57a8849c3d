"""What is said: requests, rights, answers in each API's shape and words."""
