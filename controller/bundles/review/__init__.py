"""What the final search found, named by its place in the template, and what the operator decided about it."""
