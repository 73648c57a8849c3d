"""Everything at once: WHMCS before the controller, cPanel servers behind it."""
