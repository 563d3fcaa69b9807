"""Numbers about an agent in a world."""
