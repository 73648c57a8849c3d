"""What programs call: billing, agents, downloads."""
