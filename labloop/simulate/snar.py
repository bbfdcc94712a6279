"""A nucleophilic aromatic substitution in flow: 2,4-difluoronitrobenzene with pyrrolidine in ethanol.

The four steps and their rate constants are those that Hone, Holmes, Akien, Bourne and Muller measured (React.
Chem. Eng. 2 (2017) 103, doi:10.1039/c6re00109b): the amine takes the fluorine beside the nitro group (wanted) or
opposite to it, and either product takes a second amine. Space-time yield and E-factor are reckoned as in Felton,
Rittig and Lapkin, Chem. Methods 1 (2021) 116, doi:10.1002/cmtd.202000051, the reactor being plug flow.

Notation: C mol/l of A substrate, B amine, P product, Q its isomer, D twice substituted; t the residence time in
minutes; k in l/mol/min::

    A + B -> P  k_a      P + B -> D  k_c        k(T) = k_ref exp(-E / R (1/T - 1/363.15 K))
    A + B -> Q  k_b      Q + B -> D  k_d
    space-time yield = 60 M_P C_P / t                                     g per litre of reactor and hour
    E-factor = (mass of ethanol and of all that is not P) / mass of P     the ethanol as 789 g per litre of stream
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from labloop.records import Conditions, Outcomes
from labloop.simulate.lab import Cost, Lab, Noise, Optimum

__all__ = ["STEPS", "Step", "make", "outlet"]

Array = NDArray[np.float64]

GAS_CONSTANT = 8.314462618e-3  # kJ/mol/K
REFERENCE = 363.15
MASSES = np.array([159.09, 71.12, 210.21, 210.21, 261.33])  # g/mol: A, B, P, Q, D
ETHANOL = 789.0  # g/l


@dataclass(frozen=True, slots=True)
class Step:
    """A rate constant at 90 degC in l/mol/min, and its activation energy in kJ/mol."""

    at_reference: float
    energy: float

    def at(self, kelvin: float) -> float:
        """Return the rate constant at a temperature."""
        return self.at_reference * math.exp(-self.energy / GAS_CONSTANT * (1 / kelvin - 1 / REFERENCE))


# Published per 10^-2 l/mol/s: 0.6 makes minutes of it.
STEPS = (Step(0.6 * 57.9, 33.3), Step(0.6 * 2.70, 35.3), Step(0.6 * 0.865, 38.9), Step(0.6 * 1.63, 44.8))


def outlet(rates: tuple[float, float, float, float], substrate: float, amine: float, minutes: float) -> Array:
    """Return what leaves the reactor, mol/l of A, B, P, Q, D; ``rates`` are k_a, k_b, k_c, k_d."""
    a, b, c, d = rates

    def slopes(_time: float, state: Array) -> list[float]:
        s, n, p, q, _ = state.tolist()
        return [-(a + b) * s * n, -((a + b) * s + c * p + d * q) * n, (a * s - c * p) * n, (b * s - d * q) * n,
                (c * p + d * q) * n]  # fmt: skip

    begin = np.array([substrate, amine, 0.0, 0.0, 0.0])
    solved = solve_ivp(slopes, (0.0, minutes), begin, method="LSODA", rtol=1e-8, atol=1e-11)
    if not solved.success:
        raise RuntimeError(f"the reactor could not be integrated: {solved.message}")
    return np.asarray(solved.y[:, -1], dtype=np.float64)


def _response(conditions: Conditions) -> Outcomes:
    minutes, substrate = float(conditions["residence_time"]), float(conditions["concentration"])
    kelvin = float(conditions["temperature"]) + 273.15
    a, b, c, d = (step.at(kelvin) for step in STEPS)
    out = np.maximum(outlet((a, b, c, d), substrate, float(conditions["equivalents"]) * substrate, minutes), 0.0)
    masses = MASSES * out
    product = float(masses[2])
    return {
        "space_time_yield": 60.0 * product / minutes,
        "e_factor": (ETHANOL + float(masses.sum()) - product) / product,
    }


def make() -> Lab:
    """Return the lab of the substitution in flow."""
    return Lab(
        name="snar",
        description="A nucleophilic aromatic substitution in flow: space-time yield, with a limit on the E-factor",
        source="rate constants from Hone et al., React. Chem. Eng. 2 (2017) 103, doi:10.1039/c6re00109b; outcomes "
        "as in Felton et al., Chem. Methods 1 (2021) 116, doi:10.1002/cmtd.202000051; noise and limit are own",
        spec={
            "schema": "labloop/1",
            "name": "snar",
            "question": "How much product an hour without wasting solvent and amine?",
            "parameters": {
                "residence_time": {"bounds": [0.5, 2.0], "step": 0.05, "unit": "min"},
                "equivalents": {"bounds": [1.0, 5.0], "step": 0.1},
                "concentration": {"bounds": [0.1, 0.5], "step": 0.01, "unit": "mol/L"},
                "temperature": {"bounds": [30, 120], "step": 1, "unit": "degC"},
            },
            "objectives": {"space_time_yield": {"goal": "maximize", "unit": "g/L/h", "range": [0, 20000]}},
            "limits": [{"limit": "e_factor <= 9.2", "unit": "g/g"}],
            "planner": {"strategy": "explore", "batch": 4, "budget": 48},
        },
        response=_response,
        # Ten minutes to set it, three residence times until it is steady, one to take the sample.
        cost=Cost("min", lambda conditions: 10.0 + 4.0 * float(conditions["residence_time"])),
        noise={
            "space_time_yield": Noise(absolute=20.0, relative=0.02, low=0.0, decimals=1),
            "e_factor": Noise(relative=0.01, low=0.0, decimals=3),
        },
        optimum=Optimum(
            {"residence_time": 0.5, "equivalents": 3.3, "concentration": 0.5, "temperature": 43.0},
            {"space_time_yield": 11511.424673040721, "e_factor": 9.17062633603024},
        ),
    )
