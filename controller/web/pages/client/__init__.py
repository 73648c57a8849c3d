"""The client's pages: how far the shop is, and its password."""
