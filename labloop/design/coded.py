"""Classical designs in coded units, as the textbooks print them.

Notation: ``runs`` (n, k), one row a run in the order of the source (its *design order*), one column a factor. A
factor's low level is -1, its high level +1, its middle 0; levels of a choice lie at equal distances between.

Sources: Box, Hunter & Hunter, *Statistics for Experimenters* (2nd ed., 2005); Montgomery, *Design and Analysis of
Experiments*; Plackett & Burman 1946, doi:10.1093/biomet/33.4.305; Box & Behnken 1960,
doi:10.1080/00401706.1960.10489912; Box & Wilson 1951; Jones & Nachtsheim 2011, doi:10.1080/00224065.2011.11917841;
NIST/SEMATECH e-Handbook of Statistical Methods, section 5.3.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from labloop.design.fraction import Fraction, best_fraction
from labloop.errors import InvalidInput
from labloop.space.axis import Array

__all__ = [
    "Coded",
    "box_behnken",
    "central_composite",
    "definitive_screening",
    "fractional_factorial",
    "full_factorial",
    "one_factor_at_a_time",
    "plackett_burman",
]

# The first rows printed by Plackett & Burman (1946); each is turned round by one place, then a row of minus follows.
_FIRST_ROWS = {
    8: "+++-+--",
    12: "++-+++---+-",
    16: "++++-+-++--+---",
    20: "++--++++-+-+----++-",
    24: "+++++-+-++--++--+-+----",
}
# Which factors vary together; the others stay in the middle (Box & Behnken 1960, table 4).
_VARIED_TOGETHER: dict[int, tuple[tuple[int, ...], ...]] = {
    3: ((1, 2), (1, 3), (2, 3)),
    4: ((1, 2), (3, 4), (1, 4), (2, 3), (1, 3), (2, 4)),
    5: ((1, 2), (3, 4), (2, 5), (1, 3), (4, 5), (2, 3), (1, 4), (3, 5), (1, 5), (2, 4)),
    6: ((1, 2, 4), (2, 3, 5), (3, 4, 6), (1, 4, 5), (2, 5, 6), (1, 3, 6)),
    7: ((4, 5, 6), (1, 6, 7), (2, 5, 7), (1, 2, 4), (3, 4, 7), (1, 3, 5), (2, 3, 6)),
}
_CENTRES_BEHNKEN = {3: 3, 4: 3, 5: 6, 6: 6, 7: 6}
_CENTRES_COMPOSITE = {2: 5, 3: 6, 4: 6, 5: 7, 6: 10}
_LARGEST = 4096


@dataclass(frozen=True)
class Coded:
    """A design in coded units.

    Attributes
    ----------
    kind : its name (``box-behnken``).
    runs : (n, k) coded levels in design order.
    settings : what it was made with, in JSON values.
    fraction : the generators and the aliases that follow from them, of a regular fraction.
    """

    kind: str
    runs: Array
    settings: Mapping[str, Any] = field(default_factory=dict)
    fraction: Fraction | None = None


def full_factorial(levels: Sequence[int]) -> Coded:
    """Return every combination; the first factor changes fastest (Yates order)."""
    size = int(np.prod([float(each) for each in levels]))
    if size > _LARGEST:
        raise InvalidInput(
            f"a full factorial of {' x '.join(map(str, levels))} has {size} runs",
            hint="take a fraction, or an optimal design: --kind d-optimal --runs N",
        )
    scales = [np.linspace(-1.0, 1.0, each) for each in levels]
    rows = [combination[::-1] for combination in product(*scales[::-1])]
    return Coded("full-factorial", np.array(rows).reshape(-1, len(levels)), {"levels": list(levels)})


def fractional_factorial(k: int, runs: int | None = None, *, generators: Sequence[str] = ()) -> Coded:
    """Return a regular two-level fraction: with given generators, or the best one of so many runs.

    Parameters
    ----------
    runs : a power of two; the smallest in which main effects are clear of two-factor interactions if not given.
    generators : words such as ``E=ABCD`` or ``F=-BCD``, one for each factor behind the base factors.
    """
    fraction = Fraction.parse(k, generators) if generators else best_fraction(k, runs)
    settings = {"generators": list(fraction.generators), "resolution": fraction.roman}
    return Coded("fractional-factorial", fraction.runs(), settings, fraction)


def plackett_burman(k: int, runs: int | None = None) -> Coded:
    """Return a Plackett-Burman design of k factors in 8, 12, 16, 20 or 24 runs, with the rows printed in 1946.

    ``runs`` : the largest of at most so many; the smallest there is if not given.
    """
    fitting = [each for each in _FIRST_ROWS if each > k and (runs is None or each <= runs)]
    sizes = fitting if runs is None else fitting[::-1]
    if not sizes or k < 2:
        raise InvalidInput(
            f"no Plackett-Burman design of {k} factors" + (f" in {runs} runs" if runs else ""),
            hint=f"it needs more runs than factors; there are {', '.join(map(str, _FIRST_ROWS))} runs",
        )
    n = sizes[0]
    first = np.array([1.0 if sign == "+" else -1.0 for sign in _FIRST_ROWS[n]])
    rows = [np.roll(first, turn) for turn in range(n - 1)]
    runs_ = np.vstack([*rows, -np.ones(n - 1)])
    return Coded("plackett-burman", runs_[:, :k], {"runs": n})


def definitive_screening(k: int, words: int = 0, *, extra: int = 0) -> Coded:
    """Return a definitive screening design: k factors of three levels, then ``words`` of two levels.

    ``extra`` columns that no factor uses add two runs each, and degrees of freedom for the error.
    """
    # pydoe loads all of its designs at once.
    from pydoe import definitive_screening_design

    if k < 2 or k + words < 3:
        raise InvalidInput(
            f"a definitive screening of {k} numbers and {words} choices", hint="it needs 3 factors, 2 of them numbers"
        )
    runs = np.asarray(definitive_screening_design(k, words, n_fake_factors=extra), dtype=np.float64)
    return Coded("definitive-screening", runs, {"numbers": k, "choices": words, "extra": extra})


def box_behnken(k: int, centres: int | None = None) -> Coded:
    """Return a Box-Behnken design of 3 to 7 factors, with the centre points of the source if not given."""
    if k not in _VARIED_TOGETHER:
        raise InvalidInput(
            f"no Box-Behnken design of {k} factors", hint="it has 3 to 7; take central-composite or i-optimal"
        )
    rows = []
    for together in _VARIED_TOGETHER[k]:
        for signs in product((-1.0, 1.0), repeat=len(together)):
            row = np.zeros(k)
            row[[each - 1 for each in together]] = signs[::-1]
            rows.append(row)
    count = _CENTRES_BEHNKEN[k] if centres is None else centres
    return Coded("box-behnken", np.vstack([*rows, np.zeros((count, k))]), {"centres": count})


def central_composite(k: int, form: str = "faced", *, alpha: float | None = None, centres: int | None = None) -> Coded:
    """Return a central composite design: a factorial of resolution V or full, star points, centre points.

    Parameters
    ----------
    form : ``circumscribed`` (stars at ``alpha`` outside the cube), ``faced`` (stars on its faces) or ``inscribed``
        (stars at the bounds, the cube shrunk by ``alpha``).
    alpha : the stars' distance; rotatable if not given: the fourth root of the number of factorial runs.
    """
    if form not in ("circumscribed", "faced", "inscribed"):
        raise InvalidInput(f"no central composite {form!r}", hint="expected circumscribed, faced or inscribed")
    if not 2 <= k <= 10:
        raise InvalidInput(f"no central composite design of {k} factors", hint="it has 2 to 10 here")
    cube = full_factorial([2] * k).runs if k < 5 else best_fraction(k, resolution=5).runs()
    distance = 1.0 if form == "faced" else len(cube) ** 0.25 if alpha is None else alpha
    if not distance > 0 or (form == "inscribed" and distance < 1):
        raise InvalidInput(f"alpha {distance:g} puts the stars inside the cube", hint="expected a number of at least 1")
    stars = np.zeros((2 * k, k))
    stars[np.arange(2 * k), np.repeat(np.arange(k), 2)] = np.tile([-distance, distance], k)
    count = _CENTRES_COMPOSITE.get(k, 10) if centres is None else centres
    runs = np.vstack([cube, stars, np.zeros((count, k))])
    if form == "inscribed":
        runs = runs / distance
    return Coded("central-composite", runs, {"form": form, "alpha": distance, "centres": count})


def one_factor_at_a_time(levels: Sequence[int]) -> Coded:
    """Return one factor at a time from the low corner: what it cannot see, `labloop.design.words` says."""
    rows = [-np.ones(len(levels))]
    for j, count in enumerate(levels):
        for level in np.linspace(-1.0, 1.0, count)[1:]:
            row = -np.ones(len(levels))
            row[j] = level
            rows.append(row)
    return Coded("one-factor-at-a-time", np.array(rows), {"levels": list(levels)})
