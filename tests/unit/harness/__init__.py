"""The tests' own tools: mutants, tables, skips, benchmarks."""
