"""Per-request orchestration of the graph's reads, with batched loaders and no knowledge of Strawberry."""
