"""The WHMCS addon in real PHP against the controller's real web application."""
