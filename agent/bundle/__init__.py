"""The bundle: fetching and opening it, reading and checking its members."""
