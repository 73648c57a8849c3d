"""Pages for people: operators and clients."""
