"""Whole jobs on this machine: command line, controller, panel, agent, shop."""
