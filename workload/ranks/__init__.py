"""Processes and their group: which rank this one is, how ranks are started, how they talk."""
