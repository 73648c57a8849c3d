"""What a process says about its work besides numbers: which job it is at, traces."""
