"""The service and the operator's command line."""
