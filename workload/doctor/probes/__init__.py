"""Gather facts about the machine."""
