"""Commands on the installation as a whole: made, migrated, examined, kept in a file, freed of what is over."""
