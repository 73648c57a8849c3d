"""Pages as somebody uses them in a real browser."""
