"""The packer: turns a template shop into one bundle; `pipeline` runs its stages."""
