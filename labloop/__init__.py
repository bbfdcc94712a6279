"""labloop proposes the experiment nobody would have tried, and keeps the books honest."""

__version__ = "0.1.0"
