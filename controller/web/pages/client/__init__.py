"""The client's pages: the progress of the shop, and its password."""
