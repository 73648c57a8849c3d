"""What a source may do, held to rules: lengths, imports, types, registries, clocks."""
