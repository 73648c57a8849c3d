"""Everything the controller says by HTTP; `app` puts it together from api, pages and support."""
