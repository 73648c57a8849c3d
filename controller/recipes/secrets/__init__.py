"""What is a secret: by its name, its form, its value."""
