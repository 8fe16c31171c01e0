"""Train the example network."""
