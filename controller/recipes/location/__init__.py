"""Where a template stood: its hosts and its paths, as they may be looked for."""
