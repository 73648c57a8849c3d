"""What the final search found, told in the template's terms, and what the operator decided about it."""
