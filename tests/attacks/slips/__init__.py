"""One slip changes no living shop and removes nothing that is in use."""
