"""Complete template shops of others, packed, ordered, walked through and compared; none of them lies here."""
