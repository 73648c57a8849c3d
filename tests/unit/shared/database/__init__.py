"""Unit tests of what both sides know of database servers."""
