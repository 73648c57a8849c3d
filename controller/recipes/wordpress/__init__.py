"""WordPress and WooCommerce: how their templates are inspected, packed, configured and checked."""
