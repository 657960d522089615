"""What gives candidates their scores: the blend and trained rankers."""
