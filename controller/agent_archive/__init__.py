"""Builds the agent as one file: sources, bytecode, and an ASCII form for panels that alter binary files."""
