"""The packer: a template shop becomes one bundle; `compile` is the pipeline."""
