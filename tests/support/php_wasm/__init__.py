"""PHP compiled to WebAssembly in the place of a php-fpm: what a panel asks of one, this answers."""
