"""Keys of the installation and of billing systems: kept, rotated, retired."""
