"""What benchmarks feed: streams, vectors, news and texts."""
