"""Whatever a panel, a shop, a source or a controller answers ends in time and within bounds."""
