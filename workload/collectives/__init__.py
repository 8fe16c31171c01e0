"""Check every element that ranks receive, time the operations, and rate them by the links."""
