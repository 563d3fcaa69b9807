"""Model cards: an agent's measured play, its training and its features, as JSON and as a page to read."""
