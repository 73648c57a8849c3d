"""PrestaShop: what its templates hold, how they are packed, set up and checked."""
