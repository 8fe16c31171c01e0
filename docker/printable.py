"""What a stranger wrote, as plain text for one line of a terminal."""


def printable(text: str) -> str:
    """The text itself if any terminal can show it, else with escapes, in quotes."""
    return text if text.isascii() and text.isprintable() else ascii(text)
