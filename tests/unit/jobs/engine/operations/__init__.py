"""What an operator or the clock sets going: what of it decides without I/O."""
