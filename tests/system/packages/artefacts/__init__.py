"""What is built: archives, images, packages for another architecture."""
