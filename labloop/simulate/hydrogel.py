"""Underwater adhesion of hydrogels mixed from six monomers: a broad hill, and a higher, narrow one elsewhere.

The six monomers and the shape of the problem are those of Liao et al., Nature 644 (2025): mixtures in the
spirit of natural adhesive proteins reach about 140 kPa, and a region that none of them is near, without the
hydrophilic and the acidic monomer, more than twice that. The formula and every number below are this lab's
own; no measured value is in it.

Notation: x mole fractions, sum 1; adhesion in kPa::

    adhesion = 6 + hill(x; broad) + hill(x; narrow)
    hill(x) = height * exp(-1/2 sum_i ((x_i - centre_i) / width_i)^2)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from labloop.records import Conditions, Outcomes
from labloop.simulate.lab import Cost, Lab, Noise, Optimum

__all__ = ["make"]

MONOMERS = {
    "HEA": "2-hydroxyethyl acrylate, nucleophilic",
    "BA": "butyl acrylate, hydrophobic",
    "CBEA": "2-carboxyethyl acrylate, acidic",
    "ATAC": "2-(acryloyloxy)ethyl trimethylammonium chloride, cationic",
    "PEA": "2-phenoxyethyl acrylate, aromatic",
    "AAm": "acrylamide, amide",
}


@dataclass(frozen=True)
class Hill:
    """A bell over compositions: its height in kPa, its centre and its width by monomer (mole fractions)."""

    height: float
    centre: Mapping[str, float]
    width: Mapping[str, float]

    def at(self, x: Mapping[str, float]) -> float:
        """Return the hill's contribution in kPa."""
        square = sum(((x[name] - self.centre[name]) / self.width[name]) ** 2 for name in MONOMERS)
        return self.height * math.exp(-square / 2)


def _by_monomer(*values: float) -> Mapping[str, float]:
    return dict(zip(MONOMERS, values, strict=True))


# What balances water, charge and hydrophobic groups, as natural sequences do.
BROAD = Hill(
    height=134.0,
    centre=_by_monomer(0.20, 0.45, 0.13, 0.11, 0.08, 0.03),
    width=_by_monomer(0.22, 0.22, 0.13, 0.13, 0.15, 0.12),
)
# Cation and aromatic ring side by side in a hydrophobic matrix, with next to nothing that swells.
NARROW = Hill(
    height=345.0,
    centre=_by_monomer(0.0, 0.62, 0.0, 0.09, 0.29, 0.0),
    width=_by_monomer(0.10, 0.16, 0.08, 0.06, 0.12, 0.10),
)
BASE = 6.0
# Above this share of charged monomers the polymer precipitates, and there is no gel to pull at.
CHARGED = 0.75


def _response(conditions: Conditions) -> Outcomes:
    x = {name: float(conditions[name]) for name in MONOMERS}
    return {"adhesion": BASE + BROAD.at(x) + NARROW.at(x)}


def _infeasible(conditions: Conditions) -> str:
    charged = float(conditions["CBEA"]) + float(conditions["ATAC"])
    return f"no gel: {charged:.0%} of the monomers are charged" if charged > CHARGED else ""


def make() -> Lab:
    """Return the hydrogel lab."""
    return Lab(
        name="hydrogel",
        description="Underwater adhesion of mixtures of six monomers: a broad hill, a higher narrow one",
        source="own formula, in the spirit of Liao et al., Nature 644 (2025), doi:10.1038/s41586-025-09269-4",
        spec={
            "schema": "labloop/1",
            "name": "hydrogel",
            "question": "Which mixture of six monomers sticks best under water?",
            "parameters": {
                name: {
                    "mixture": "monomers",
                    "min": 0.02,
                    "step": 0.01,
                    "unit": "mol/mol",
                    "description": text,
                }
                for name, text in MONOMERS.items()
            },
            "mixtures": {"monomers": {"total": 1, "at_most": 5}},
            "objectives": {"adhesion": {"goal": "maximize", "unit": "kPa", "range": [0, 2000]}},
            "planner": {"strategy": "explore", "batch": 8, "budget": 96},
        },
        response=_response,
        # Weighed, cast, swollen and pulled: the hands' time.
        cost=Cost("h", lambda _: 0.75),
        noise={"adhesion": Noise(absolute=3.0, relative=0.06, low=0.0, decimals=1)},
        infeasible=_infeasible,
        optimum=Optimum(
            {"HEA": 0.0, "BA": 0.62, "CBEA": 0.0, "ATAC": 0.09, "PEA": 0.29, "AAm": 0.0},
            {"adhesion": 365.33893580712567},
        ),
    )
