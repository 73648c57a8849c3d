"""Stages, one by one."""
