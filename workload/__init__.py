"""Check, verify and measure a machine's PyTorch stack on the CPU or a GPU."""

__version__ = "0.2.0"
