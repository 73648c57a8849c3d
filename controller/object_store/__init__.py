"""An S3-compatible store of bundles: its settings, signed requests, and addresses that open one object for a while."""
