"""Simulated laboratories: something to play a campaign on whose answer is known."""

from labloop.simulate.lab import Lab
from labloop.simulate.labs import lab, labs
from labloop.simulate.lookup import lookup_lab

__all__ = ["Lab", "lab", "labs", "lookup_lab"]
