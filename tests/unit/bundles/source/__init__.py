"""Reading the template."""
