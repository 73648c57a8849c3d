"""Installations and their state databases: new, filled, saved, of earlier versions, killed in the middle."""
