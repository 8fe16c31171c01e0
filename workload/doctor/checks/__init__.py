"""Judge the facts: the checks and their texts, one file for each family."""
