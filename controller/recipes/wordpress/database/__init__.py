"""WordPress's database: what is read from it, which rows and options are kept, and the statements of a new site."""
