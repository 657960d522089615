"""From a finished run to a champion: bundles, cards, gates and promotion."""
