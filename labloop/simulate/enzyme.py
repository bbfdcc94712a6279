"""An enzyme-catalysed step in a batch: substrate and product inhibit, heat speeds it up and kills the enzyme.

Rate laws are the textbook's (Cornish-Bowden, Fundamentals of Enzyme Kinetics, 4th ed., Wiley-Blackwell 2012,
ch. 6, 7 and 11: competitive product inhibition, substrate inhibition, temperature); inactivation is of first order
(ch. 4). The constants are round numbers of a usual size, written for this lab.

Notation: S, P mmol/l; e the share of the enzyme that is alive; E its amount, g/l; t hours::

    dS/dt = -v,   v = k_cat e E S / (K_m (1 + P / K_p) + S (1 + S / K_s))
    de/dt = -k_d e
    k_cat(T, pH) = k exp(-A / R (1/T - 1/298.15 K)) / (1 + 10^(pK1 - pH) + 10^(pH - pK2)),   k_d likewise, by T

Without inhibition it is solved by Lambert's W (Schnell and Mendoza, J. Theor. Biol. 187 (1997) 207,
doi:10.1006/jtbi.1997.0425): S = K_m W(S_0 / K_m exp((S_0 - k_cat E (1 - exp(-k_d t)) / k_d) / K_m)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from labloop.records import Conditions, Outcomes
from labloop.simulate.lab import Cost, Lab, Noise, Optimum

__all__ = ["Kinetics", "converted", "make"]

GAS_CONSTANT = 8.314462618
ROOM = 298.15


@dataclass(frozen=True, slots=True)
class Kinetics:
    """Constants at one temperature and pH: mmol/g/h, mmol/l, mmol/l, mmol/l, 1/h."""

    turnover: float
    michaelis: float = 8.0
    product: float = 6.0
    substrate: float = 50.0
    decay: float = 0.0


def kinetics_at(celsius: float, ph: float) -> Kinetics:
    """Return the constants at a temperature and a pH."""
    cold = (1 / (celsius + 273.15) - 1 / ROOM) / GAS_CONSTANT
    ionised = 1.0 + 10.0 ** (6.3 - ph) + 10.0 ** (ph - 8.6)
    return Kinetics(
        turnover=90.0 * math.exp(-45e3 * cold) / ionised,
        decay=0.004 * math.exp(-190e3 * cold) * (1.0 + 10.0 ** (ph - 9.2)),
    )


def converted(kinetics: Kinetics, substrate: float, enzyme: float, hours: float) -> float:
    """Return the product after some hours, mmol/l."""
    k = kinetics

    def slope(time: float, state: NDArray[np.float64]) -> list[float]:
        p = float(state[0])
        s = max(substrate - p, 0.0)
        alive = math.exp(-k.decay * time)
        return [k.turnover * alive * enzyme * s / (k.michaelis * (1 + p / k.product) + s * (1 + s / k.substrate))]

    solved = solve_ivp(slope, (0.0, hours), [0.0], method="LSODA", rtol=1e-8, atol=1e-9)
    if not solved.success:
        raise RuntimeError(f"the batch could not be integrated: {solved.message}")
    return float(np.clip(solved.y[0, -1], 0.0, substrate))


def _response(conditions: Conditions) -> Outcomes:
    substrate, enzyme, hours = (float(conditions[name]) for name in ("substrate", "enzyme", "time"))
    product = converted(
        kinetics_at(float(conditions["temperature"]), float(conditions["pH"])), substrate, enzyme, hours
    )
    # What a batch earns an hour, an hour of emptying and filling included: product, less what the enzyme costs.
    return {"profit": (product - 140.0 * enzyme) / (hours + 1.0), "conversion": 100.0 * product / substrate}


def make() -> Lab:
    """Return the lab of the enzyme-catalysed step."""
    return Lab(
        name="enzyme",
        description="An enzyme that substrate and product inhibit and heat kills: profit, with a limit on conversion",
        source="textbook rate laws (Cornish-Bowden, 4th ed., 2012), own constants and costs",
        spec={
            "schema": "labloop/1",
            "name": "enzyme",
            "question": "What earns most an hour with at least 80 % converted?",
            "parameters": {
                "substrate": {"bounds": [10, 300], "scale": "log", "unit": "mmol/L"},
                "enzyme": {"bounds": [0.02, 2.0], "scale": "log", "unit": "g/L"},
                "temperature": {"bounds": [20, 60], "step": 1, "unit": "degC"},
                "pH": {"bounds": [5.5, 9.5], "step": 0.1},
                "time": {"bounds": [0.5, 24], "step": 0.25, "unit": "h"},
            },
            "objectives": {"profit": {"goal": "maximize", "unit": "mmol/L/h"}},
            "limits": [{"limit": "conversion >= 80", "unit": "%"}],
            "planner": {"strategy": "explore", "batch": 4, "budget": 48},
        },
        response=_response,
        # The vessel is taken for the batch, and for an hour of emptying and filling.
        cost=Cost("h", lambda conditions: float(conditions["time"]) + 1.0),
        noise={
            "profit": Noise(absolute=0.3, relative=0.03, decimals=3),
            "conversion": Noise(absolute=1.0, low=0.0, high=100.0, decimals=1),
        },
        optimum=Optimum(
            {"substrate": 300.0, "enzyme": 1.029, "temperature": 33.0, "pH": 7.4, "time": 16.0},
            {"profit": 7.003316207899395, "conversion": 87.70545851142991},
        ),
    )
