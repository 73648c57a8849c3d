"""What the setup of an installation does and asks for."""
