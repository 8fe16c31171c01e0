"""What several commands do: parts of their work that record and show what they find."""
