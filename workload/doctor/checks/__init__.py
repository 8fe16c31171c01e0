"""The checks of the facts and their texts, one module for each topic."""
