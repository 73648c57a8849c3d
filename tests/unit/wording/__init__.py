"""What people read in their own language: messages of errors, marks of direction."""
