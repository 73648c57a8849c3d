"""Tests of what the web application stands on."""
