"""What visitors of a PrestaShop see: its catalogue, its pictures, and the HTTP checks of both."""
