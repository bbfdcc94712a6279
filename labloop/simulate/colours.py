"""Three dyes and water in a well, for teaching: mix the colour on the card.

Light through the well follows Beer and Lambert (Swinehart, J. Chem. Educ. 39 (1962) 333, doi:10.1021/ed039p333):
in each of the camera's three bands the absorbance is the sum of what the dyes absorb, and what is seen is 10^-A of
the lamp. The absorptivities are this lab's own, shaped like those of food dyes, each absorbing a little everywhere.

Notation: x shares of the stock solutions, their sum with water 1; A_b = sum_i a_ib x_i; channel = 255 10^-A_b;
distance = Euclidean between the channels seen and those on the card.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from labloop.records import Conditions, Outcomes
from labloop.simulate.lab import Cost, Lab, Noise, Optimum

__all__ = ["CARD", "channels", "make"]

DYES = ("red", "yellow", "blue")
# By dye, the absorbance of its stock solution in the red, green and blue band.
ABSORBANCES = np.array([[0.10, 2.40, 1.10], [0.05, 0.35, 2.60], [2.70, 1.20, 0.25]])
RECIPE = {"red": 0.06, "yellow": 0.28, "blue": 0.17}


def channels(red: float, yellow: float, blue: float) -> NDArray[np.float64]:
    """Return what the camera sees, (3,), from shares of the dyes."""
    absorbance = np.array([red, yellow, blue]) @ ABSORBANCES
    return np.asarray(255.0 * 10.0**-absorbance, dtype=np.float64)


CARD = channels(**RECIPE)
"""The card's colour, a moss green that the recipe mixes exactly."""


def _response(conditions: Conditions) -> Outcomes:
    seen = channels(*(float(conditions[dye]) for dye in DYES))
    return {"distance": math.sqrt(float(np.sum((seen - CARD) ** 2)))}


def make() -> Lab:
    """Return the colour-mixing lab."""
    shares = {name: {"mixture": "well", "step": 0.01, "unit": "mL/mL"} for name in (*DYES, "water")}
    return Lab(
        name="colours",
        description="Mix the colour on a card from three dyes and water, for teaching",
        source="Beer and Lambert's law, see Swinehart, J. Chem. Educ. 39 (1962) 333, doi:10.1021/ed039p333; own dyes",
        spec={
            "schema": "labloop/1",
            "name": "colours",
            "question": "Which mixture has the colour on the card?",
            "parameters": shares,
            "mixtures": {"well": {"total": 1}},
            "objectives": {"distance": {"goal": "minimize", "range": [0, 500]}},
            "planner": {"strategy": "explore", "batch": 6, "budget": 48},
        },
        response=_response,
        cost=Cost("min", lambda _: 2.0),
        noise={"distance": Noise(absolute=1.0, low=0.0, decimals=1)},
        optimum=Optimum({**RECIPE, "water": 0.49}, {"distance": 0.0}),
    )
