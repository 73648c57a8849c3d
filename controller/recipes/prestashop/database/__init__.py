"""PrestaShop's database: what is read from it, which rows are kept, and the statements of a new shop."""
