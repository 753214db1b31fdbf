"""Gradus: a deep-learning course that grades itself."""
