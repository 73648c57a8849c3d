"""The real browser and what looks at its pages."""
