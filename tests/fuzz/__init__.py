"""Spoiled input for everything that reads some."""
