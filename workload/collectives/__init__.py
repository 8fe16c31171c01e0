"""Check every element that ranks receive, and time the operations.

The rates of the operations are compared with those of the links.
"""
