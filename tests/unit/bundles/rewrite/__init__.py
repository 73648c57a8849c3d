"""What depends on the account becomes placeholders."""
