"""PrestaShop: how its templates are inspected, packed, configured and checked."""
