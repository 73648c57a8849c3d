"""Foundations of the web application: the arrival of requests, the doors to the service."""
