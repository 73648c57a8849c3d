"""Recipes: what each application needs, to be packed and to be ordered."""
