"""Everything the controller serves over HTTP; `app` assembles it from api, pages and support."""
