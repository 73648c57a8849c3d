"""Templates and their variants, good and bad, and what later jobs do with them."""
