"""How values stand in texts: one table of encodings, and a module for each that has spellings of its own."""
