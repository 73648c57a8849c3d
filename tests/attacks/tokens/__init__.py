"""Tokens and requests do what they were made for, and no sender holds anybody up."""
