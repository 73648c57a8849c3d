"""The template's database: opened, its snapshot, its tables' definitions, collations and empty choices."""
