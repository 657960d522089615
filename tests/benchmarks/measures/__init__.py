"""How benchmarks measure: load on HTTP, passes over texts, the plain loop to compare with."""
