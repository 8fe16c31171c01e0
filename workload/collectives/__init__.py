"""Check every element of operations between ranks, time them, and compare them with the links."""
