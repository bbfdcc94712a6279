"""A toy of a palladium-catalysed coupling: three choices, a concentration and a temperature decide the yield.

The catalyst dies while it works, and two molecules of substrate are lost to each other in a side reaction
(written as first order in what is left, second order in the concentration it started from)::

    dS/dt = -(k a(t) c + k_side c^2) S,    a(t) = exp(-k_dead t),    S(0) = 1

    k      = k_ref  exp(-E / R (1/T - 1/T_ref))      coupling, per unit of concentration
    k_dead = d_ref  exp(-E_dead / R (1/T - 1/T_ref)) loss of active palladium
    k_side = s_ref  exp(-E_side / R (1/T - 1/T_ref)) loss of substrate

with c the concentration relative to 0.1 mol/l. What the ligand does follows from its cone angle and its
electronic parameter: electron-rich ligands help the oxidative addition, bulky ones the reductive elimination,
and too bulky ones leave the metal unprotected. Bases and solvents speed up or slow down the deprotonation,
and they interact: a carbonate needs a polar solvent to dissolve, a carboxylate helps the C-H activation.

Yield in %, temperature in degC, concentration in mol/l, rates per hour, activation energies in J/mol.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from labloop.records import Conditions, Outcomes
from labloop.simulate.lab import Cost, Lab, Noise, Optimum

__all__ = ["LIGANDS", "conversion", "make", "rates"]

GAS_CONSTANT = 8.314462618
REFERENCE = 373.15
HOURS = 16.0

# Cone angle (degrees) and CO stretching frequency of Ni(CO)3L (1/cm): Tolman, Chem. Rev. 77 (1977) 313.
LIGANDS = {
    "PPh3": {"cone_angle": 145.0, "tep": 2068.9},
    "PMePh2": {"cone_angle": 136.0, "tep": 2067.0},
    "PnBu3": {"cone_angle": 132.0, "tep": 2060.3},
    "PiPr3": {"cone_angle": 160.0, "tep": 2059.2},
    "PCy3": {"cone_angle": 170.0, "tep": 2056.4},
    "PtBu3": {"cone_angle": 182.0, "tep": 2056.1},
    "P(o-tol)3": {"cone_angle": 194.0, "tep": 2066.6},
    "P(OPh)3": {"cone_angle": 128.0, "tep": 2085.3},
}
# By base and solvent: the logarithm of how fast the deprotonation is, relative to K2CO3 in DMAc. The last row
# is strong but not selective (see SIDE).
DEPROTONATION = {
    "KOAc": {"DMAc": 0.9, "toluene": -1.3, "nBuOH": 0.2, "MeCN": 0.1},
    "CsOPiv": {"DMAc": 0.7, "toluene": 0.8, "nBuOH": -0.4, "MeCN": 0.3},
    "K2CO3": {"DMAc": 0.0, "toluene": -2.2, "nBuOH": -0.3, "MeCN": -0.7},
    "NaOtBu": {"DMAc": 0.5, "toluene": 0.9, "nBuOH": -1.8, "MeCN": 0.0},
}
# What the ligand of one vial costs in EUR (own figures), and the rest of it: palladium, substrate, chromatogram.
PRICES = {
    "PPh3": 0.2, "PMePh2": 1.5, "PnBu3": 0.8, "PiPr3": 4.0, "PCy3": 3.0, "PtBu3": 9.0, "P(o-tol)3": 2.0, "P(OPh)3": 0.3
}  # fmt: skip
VIAL = 6.0
SIDE = {"KOAc": 0.008, "CsOPiv": 0.006, "K2CO3": 0.012, "NaOtBu": 0.09}
BOILING = {"DMAc": 165.0, "toluene": 111.0, "nBuOH": 118.0, "MeCN": 82.0}


def rates(ligand: str, base: str, solvent: str, kelvin: float) -> tuple[float, float, float]:
    """Return k, k_dead and k_side per hour, at 0.1 mol/l."""
    described = LIGANDS[ligand]
    donor = (2070.0 - described["tep"]) / 10.0
    bulk = (described["cone_angle"] - 165.0) / 15.0
    speed = -3.4 + 0.9 * donor - 0.35 * bulk**2 + DEPROTONATION[base][solvent]
    # Ligand and solvent interact: bulk pays in the unpolar solvent, and costs a little in the others.
    speed += 0.5 * bulk * (1.0 if solvent == "toluene" else -0.3)
    stability = -2.6 + 0.55 * abs(bulk) + (0.5 if solvent == "nBuOH" else 0.0)
    hot = (1.0 / kelvin - 1.0 / REFERENCE) / GAS_CONSTANT
    coupling = math.exp(speed - (72e3 + 6e3 * donor) * hot)
    return coupling, math.exp(stability - 115e3 * hot), SIDE[base] * math.exp(-95e3 * hot)


def _nodes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # Gauss-Legendre on [0, HOURS]: the integrand is smooth, 48 points are exact to 1e-10 here.
    at, weight = np.polynomial.legendre.leggauss(48)
    return (at + 1) * HOURS / 2, weight * HOURS / 2


_AT, _WEIGHT = _nodes()


def conversion(coupling: float, dead: float, side: float) -> float:
    """Return the share of substrate that ends as product after `HOURS`, for rates per hour."""
    used = coupling * (-np.expm1(-dead * _AT) / dead) + side * _AT
    return float(_WEIGHT @ (coupling * np.exp(-dead * _AT - used)))


def _response(conditions: Conditions) -> Outcomes:
    kelvin = float(conditions["temperature"]) + 273.15
    coupling, dead, side = rates(str(conditions["ligand"]), str(conditions["base"]), str(conditions["solvent"]), kelvin)
    strength = float(conditions["concentration"]) / 0.1
    return {"yield": 100.0 * conversion(coupling * strength, dead, side * strength**2)}


def _infeasible(conditions: Conditions) -> str:
    solvent, temperature = str(conditions["solvent"]), float(conditions["temperature"])
    if conditions["base"] == "NaOtBu" and solvent == "MeCN":
        return "the base deprotonates the solvent: a brown polymer"
    if temperature > BOILING[solvent] + 10:
        return f"{solvent} boils at {BOILING[solvent]:g} degC: the vial leaked"
    return ""


def make() -> Lab:
    """Return the reaction lab."""
    return Lab(
        name="reaction",
        description="Yield of a palladium-catalysed coupling: three choices, concentration, temperature",
        source="own rate law with Arrhenius temperature dependence, one step for the whole catalytic cycle; "
        "ligand parameters from Tolman, Chem. Rev. 77 (1977) 313, doi:10.1021/cr60307a002",
        spec={
            "schema": "labloop/1",
            "name": "reaction",
            "question": "Which base, ligand and solvent couple the two halves, and how hot?",
            "parameters": {
                "base": {"choices": list(SIDE)},
                "ligand": {"choices": LIGANDS},
                "solvent": {"choices": list(BOILING)},
                "concentration": {"bounds": [0.05, 0.2], "step": 0.01, "unit": "mol/L"},
                "temperature": {"bounds": [60, 130], "step": 5, "unit": "degC"},
            },
            "constraints": [
                'not (base == "NaOtBu" and solvent == "MeCN")',
                'if solvent == "MeCN" then temperature <= 80',
                'if solvent == "toluene" then temperature <= 110',
                'if solvent == "nBuOH" then temperature <= 115',
            ],
            "objectives": {"yield": {"goal": "maximize", "unit": "%", "range": [0, 100]}},
            "planner": {"strategy": "explore", "batch": 5, "budget": 60},
        },
        response=_response,
        cost=Cost("EUR", lambda conditions: VIAL + PRICES[str(conditions["ligand"])]),
        noise={"yield": Noise(absolute=1.5, relative=0.01, low=0.0, high=100.0, decimals=1)},
        infeasible=_infeasible,
        optimum=Optimum(
            {
                "base": "CsOPiv",
                "ligand": "PCy3",
                "solvent": "toluene",
                "concentration": 0.19,
                "temperature": 100.0,
            },
            {"yield": 94.71600352255822},
        ),
    )
