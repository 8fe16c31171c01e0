"""Show results: on a terminal and as one HTML page."""
