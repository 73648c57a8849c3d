"""What an earlier version leaves goes on with this one."""
