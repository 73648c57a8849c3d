"""The packer: a template shop becomes one bundle; `pipeline` is the way through its rooms."""
