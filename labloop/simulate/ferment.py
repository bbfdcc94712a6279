"""Fed-batch fermentation of E. coli: too little feed starves it, too much drowns it in acetate.

Structure after Xu, Jahic and Enfors, Biotechnol. Prog. 15 (1999) 81: glucose uptake beyond what the cell can
respire overflows into acetate, and acetate is taken up again when there is capacity to spare. Simplified: the
respiratory capacity is one number, cut down further by the vessel's oxygen transfer instead of a dissolved
oxygen balance; temperature, pH, induction and product formation are added. The constants are round numbers of
the published size, written for this lab, not fitted to anything.

Notation, per hour and gram of cells: q_s glucose uptake, q_c what can be respired, q_o overflow, q_a acetate
uptake; X cells, S glucose, A acetate, P product (g/l), V volume (l), u = 1 after induction::

    q_s = q_max f S / (S + K_s) / (1 + A / K_i)        q_c = f min(q_crit, OTR / (Y_os X))
    q_o = max(q_s - q_c, 0)                            q_a = q_amax f A / (A + K_a) (1 - min(q_s, q_c) / q_c)
    mu  = Y_ox min(q_s, q_c) + Y_of q_o + Y_a q_a - q_m Y_ox
    dX/dt = (1 - b u) mu X - D X                       dS/dt = D (S_f - S) - q_s X
    dA/dt = (Y_as q_o - q_a) X - D A                   dP/dt = u q_p X - D P - k_loss P
    dV/dt = F,   D = F / V

with f(T, pH) the growth factor (1 at 37 degC and pH 7), and q_p falling with temperature as more of the
product misfolds. The feed starts when the batch glucose is used up and lasts until the 24th hour.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from labloop.records import Conditions, Outcomes
from labloop.simulate.lab import Cost, Drift, Lab, Noise, Optimum

__all__ = ["Run", "make", "run"]

Array = NDArray[np.float64]

HOURS = 24.0
BATCH_GLUCOSE = 8.0
BATCH_VOLUME = 1.0
SEED_ACETATE = 1.0
"""Acetate that the seed culture brings along, gram per gram of cells."""

Q_MAX, K_S, K_I = 1.25, 0.05, 6.0
Q_CRIT, Q_M = 0.70, 0.04
Q_A_MAX, K_A = 0.15, 0.05
Y_OX, Y_OF, Y_A = 0.50, 0.15, 0.40
Y_AS = 0.60
OXYGEN = 16.0
"""Glucose that the oxygen transfer lets the vessel respire, g/l/h."""
BURDEN = 0.35
Q_P_MAX, K_P, LOSS = 0.022, 0.08, 0.010


@dataclass(frozen=True, slots=True)
class Run:
    """One fermentation: hours, and by row cells, glucose, acetate, product (g/l) and volume (l)."""

    hours: Array
    states: Array


def growth_factor(temperature: float, ph: float) -> float:
    """Return how fast metabolism is relative to 37 degC and pH 7, without unit."""
    warm = math.exp(6500.0 * (1 / 310.15 - 1 / (temperature + 273.15)))
    return warm * math.exp(-(((ph - 7.0) / 0.75) ** 2) / 2)


def folding_factor(temperature: float, ph: float) -> float:
    """Return the share of product that folds: the cooler the better, and best slightly above neutral."""
    cool = 1 / (1 + math.exp((temperature - 31.0) / 2.0))
    return cool * math.exp(-(((ph - 7.15) / 0.45) ** 2) / 2)


class _Starved:
    """Tells the integrator that the batch glucose is used up: it stops where this crosses zero."""

    terminal = True

    def __call__(self, _hour: float, state: Array) -> float:
        return float(state[1] - 0.1)


@dataclass(frozen=True, slots=True)
class _Culture:
    """The balances of one phase: constant feed (l/h), growth and folding factor, induced or not."""

    strength: float
    factor: float
    folds: float
    feed: float = 0.0
    induced: float = 0.0

    def slopes(self, _hour: float, state: Array) -> Array:
        """Return d(cells, glucose, acetate, product, volume)/dt."""
        cells, glucose, acetate, product, volume = np.maximum(state, 0.0).tolist()
        dilution = self.feed / volume
        uptake = Q_MAX * self.factor * glucose / (glucose + K_S) / (1 + acetate / K_I)
        capacity = min(Q_CRIT * self.factor, OXYGEN / max(cells, 1e-9))
        respired = min(uptake, capacity)
        overflow = uptake - respired
        eaten = Q_A_MAX * self.factor * acetate / (acetate + K_A) * (1 - respired / capacity)
        growth = Y_OX * respired + Y_OF * overflow + Y_A * eaten - Q_M * Y_OX * self.factor
        made = self.induced * Q_P_MAX * self.folds * max(growth, 0.0) / (max(growth, 0.0) + K_P)
        return np.array(
            [
                (1 - BURDEN * self.induced) * growth * cells - dilution * cells,
                dilution * (self.strength - glucose) - uptake * cells,
                (Y_AS * overflow - eaten) * cells - dilution * acetate,
                made * cells - (dilution + LOSS) * product,
                self.feed,
            ]
        )

    def advance(self, solved: Run, until: float, *, stop: _Starved | None = None) -> Run:
        """Return the run continued to an hour, or to the event."""
        start = float(solved.hours[-1])
        if until <= start:
            return solved
        more = solve_ivp(
            self.slopes,
            (start, until),
            solved.states[:, -1],
            method="LSODA",
            events=stop,
            rtol=1e-7,
            atol=1e-9,
        )
        if not more.success:
            raise RuntimeError(f"the fermentation could not be integrated: {more.message}")
        return Run(np.concatenate([solved.hours, more.t[1:]]), np.concatenate([solved.states, more.y[:, 1:]], axis=1))


def run(conditions: Mapping[str, float]) -> Run:
    """Integrate one fermentation.

    Parameters
    ----------
    conditions : ``feed`` (ml/h), ``induction`` (h after the feed starts), ``temperature`` (degC), ``pH``,
        ``inoculum`` (g/l of cells) and ``feed_strength`` (g/l of glucose in the feed).
    """
    cells = conditions["inoculum"]
    begin = np.array([[cells], [BATCH_GLUCOSE], [SEED_ACETATE * cells], [0.0], [BATCH_VOLUME]])
    batch = _Culture(
        strength=conditions["feed_strength"],
        factor=growth_factor(conditions["temperature"], conditions["pH"]),
        folds=folding_factor(conditions["temperature"], conditions["pH"]),
    )
    fed = replace(batch, feed=conditions["feed"] / 1000)
    solved = batch.advance(Run(np.zeros(1), begin), HOURS, stop=_Starved())
    induction = float(solved.hours[-1]) + conditions["induction"]
    solved = fed.advance(solved, min(induction, HOURS))
    return replace(fed, induced=1.0).advance(solved, HOURS)


def _response(conditions: Conditions) -> Outcomes:
    solved = run({name: float(value) for name, value in conditions.items() if not isinstance(value, str)})
    return {"titre": float(solved.states[3, -1]), "acetate": float(solved.states[2].max())}


def make() -> Lab:
    """Return the fermentation lab."""
    return Lab(
        name="ferment",
        description="Product of a fed-batch fermentation with overflow metabolism, with a limit on acetate",
        source="structure after Xu, Jahic and Enfors, Biotechnol. Prog. 15 (1999) 81, doi:10.1021/bp9801087; "
        "one number for the respiratory capacity, own constants, own terms for temperature, pH and induction",
        spec={
            "schema": "labloop/1",
            "name": "ferment",
            "question": "How much protein can a litre make in a day without drowning in acetate?",
            "parameters": {
                "feed": {"bounds": [2, 30], "step": 0.5, "unit": "mL/h"},
                "induction": {"bounds": [0, 12], "step": 0.5, "unit": "h"},
                "temperature": {"bounds": [22, 37], "step": 1, "unit": "degC", "change": "hard"},
                "pH": {"bounds": [6.4, 7.6], "step": 0.1},
                "inoculum": {"bounds": [0.05, 1], "scale": "log", "unit": "g/L"},
                "feed_strength": {"observed": True, "unit": "g/L"},
            },
            "objectives": {"titre": {"goal": "maximize", "unit": "g/L", "range": [0, 100]}},
            "limits": [{"limit": "acetate <= 4", "unit": "g/L"}],
            "planner": {"strategy": "explore", "batch": 4, "budget": 48},
        },
        response=_response,
        # Four hours to clean, sterilise and fill.
        cost=Cost("h", lambda _: HOURS + 4.0),
        noise={
            "titre": Noise(absolute=0.03, relative=0.04, low=0.0, decimals=3),
            "acetate": Noise(absolute=0.05, relative=0.05, low=0.0, decimals=2),
        },
        covariates={"feed_strength": Drift(mean=500.0, sd=8.0, decimals=0)},
        optimum=Optimum(
            {"feed": 7.5, "induction": 4.0, "temperature": 28.0, "pH": 7.1, "inoculum": 1.0},
            {"titre": 1.86994448162816, "acetate": 3.988540274936332},
        ),
    )
