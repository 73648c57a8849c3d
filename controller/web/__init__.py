"""Everything the controller serves over HTTP; `app` assembles it from api, pages, server and support."""
