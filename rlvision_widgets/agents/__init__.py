"""Trained agents: their networks, and how they are opened and saved."""
