"""Read facts about the machine."""
