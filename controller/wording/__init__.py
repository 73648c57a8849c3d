"""What people read in their own language outside of pages as well: labels, errors' messages, marks of direction."""
