"""Steps, one by one."""
