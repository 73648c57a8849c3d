"""What is done for real behind the protocol: files, sites, certificates."""
