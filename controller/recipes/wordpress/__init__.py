"""WordPress and WooCommerce: what their templates hold, how they are packed, set up and checked."""
