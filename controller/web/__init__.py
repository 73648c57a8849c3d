"""Everything the controller says by HTTP; `app` puts the blueprints together."""
