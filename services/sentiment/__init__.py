"""The sentiment application: news from a stream, scored, counted in windows, and alerts."""
