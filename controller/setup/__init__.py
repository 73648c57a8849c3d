"""Creating and maintaining an installation: what it needs, removal of servers and bundles, retirement of keys."""
