"""What must not be left of the template: the search for it in a bundle, and what was found."""
