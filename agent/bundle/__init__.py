"""The bundle: fetched, opened, its members read and checked."""
