"""Designed experiments: classical designs, optimal ones over a campaign's own space, and the order to run them in.

Pure: NumPy and SciPy, no store, no model of outcomes. `labloop.design.make.design` goes the whole way; the other
files are its stages: coded and fraction (as printed), region and place (onto the campaign's grid), model, moves and
optimal (searched for), blocks and order (the run sheet), quality and power (what it can say), choose (which one).
"""

from labloop.design.make import design, in_random_order
from labloop.design.order import Layout
from labloop.design.request import Design, Request, Run

__all__ = ["Design", "Layout", "Request", "Run", "design", "in_random_order"]
