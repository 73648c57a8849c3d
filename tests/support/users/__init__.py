"""What operators and clients do and see: commands, terminals, browsers, mails."""
