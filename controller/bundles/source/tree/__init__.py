"""The template's tree: walked without following links, counted, listed in a file."""
