"""PHP for recipes: literals, serialized values, definitions, errors on pages, and the guard in an entry file."""
