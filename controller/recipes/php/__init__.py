"""PHP as a recipe meets it: literals, serialized values, definitions, errors on pages, a guard for one log-in."""
