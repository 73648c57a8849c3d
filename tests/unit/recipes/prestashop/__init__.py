"""PrestaShop's recipe."""
