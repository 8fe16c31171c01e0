"""Judge the facts."""
