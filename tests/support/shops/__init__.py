"""Shops, templates, databases and bundles that tests are made with."""
