"""What the web application stands on: how requests arrive, by which doors."""
