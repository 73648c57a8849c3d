"""The machine that tests run on: its parts as they are otherwise, its interpreters, and what processes take of it."""
