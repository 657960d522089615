"""Text: decoding, and splitting into sentences and passages with character offsets."""
