"""Regular two-level fractions: generators, defining relation, resolution, aliases.

An effect is a set of factors, written as a word of their letters (``ABD``) and held as a bit mask (bit j is factor
j); multiplying two effects is the symmetric difference of their sets, hence ``^``. A generator sets a factor equal
to a product of others, ``E = ABC``, so ``ABCE`` is a column of ones: a word of the *defining relation*, which is all
products of such words. An effect is aliased with its products with every word. The shortest word's length is the
*resolution* (Box & Hunter 1961, doi:10.1080/00401706.1961.10489951).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from labloop.errors import InvalidInput
from labloop.space.axis import Array

__all__ = ["LETTERS", "Fraction", "best_fraction"]

LETTERS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
"""Factors by position; I is left out, because it stands for the column of ones."""

# Minimum-aberration generators by (factors, runs): NIST/SEMATECH e-Handbook, section 5.3.3.4.7; Montgomery, table 8.14.
_BEST = {
    (3, 4): "C=AB",
    (4, 8): "D=ABC",
    (5, 16): "E=ABCD",
    (5, 8): "D=AB E=AC",
    (6, 32): "F=ABCDE",
    (6, 16): "E=ABC F=BCD",
    (6, 8): "D=AB E=AC F=BC",
    (7, 64): "G=ABCDEF",
    (7, 32): "F=ABCD G=ABDE",
    (7, 16): "E=ABC F=BCD G=ACD",
    (7, 8): "D=AB E=AC F=BC G=ABC",
    (8, 64): "G=ABCD H=ABEF",
    (8, 32): "F=ABC G=ABD H=BCDE",
    (8, 16): "E=BCD F=ACD G=ABC H=ABD",
    (9, 128): "H=ACDFG J=BCEFG",
    (9, 64): "G=ABCD H=ACEF J=CDEF",
    (9, 32): "F=BCDE G=ACDE H=ABDE J=ABCE",
    (9, 16): "E=ABC F=BCD G=ACD H=ABD J=ABCD",
    (10, 128): "H=ABCG J=BCDE K=ACDF",
    (10, 64): "G=BCDF H=ACDF J=ABDE K=ABCE",
    (10, 32): "F=ABCD G=ABCE H=ABDE J=ACDE K=BCDE",
    (10, 16): "E=ABC F=BCD G=ACD H=ABD J=ABCD K=AB",
    (11, 64): "G=CDE H=ABCD J=ABF K=BDEF L=ADEF",
    (11, 32): "F=ABC G=BCD H=CDE J=ACD K=ADE L=BDE",
    (11, 16): "E=ABC F=BCD G=ACD H=ABD J=ABCD K=AB L=AC",
    (15, 16): "E=ABC F=ABD G=ACD H=BCD J=ABCD K=AB L=AC M=AD N=BC O=BD P=CD",
}
_MOST = 256
_MOST_FACTORS = 16
_ROMAN = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")


def letters_of(mask: int) -> str:
    """Write an effect as a word."""
    return "".join(letter for j, letter in enumerate(LETTERS) if mask >> j & 1) or "I"


def _mask(word: str) -> int:
    return sum(1 << LETTERS.index(letter) for letter in word)


@dataclass(frozen=True)
class Fraction:
    """A regular fraction of a 2^k factorial.

    Attributes
    ----------
    k : factors.
    products : for each factor behind the base factors, the product (bit mask) that it equals, and its sign.
    """

    k: int
    products: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, k: int, generators: Sequence[str]) -> Fraction:
        """Read generators such as ``E=ABCD``, ``F=-BCD``; they stand for the last factors, in order.

        Raises
        ------
        InvalidInput
            If one is not a generator, or they make two effects of one factor.
        """
        base = k - len(generators)
        if not 1 <= base <= k <= len(LETTERS):
            raise InvalidInput(
                f"{len(generators)} generators for {k} factors", hint="one generator for each factor that is added"
            )
        products = []
        for position, text in enumerate(generators, base):
            wanted = LETTERS[position]
            found = re.fullmatch(rf"{wanted}\s*=\s*([+-]?)\s*([{LETTERS[:base]}]+)", text.strip().upper())
            if found is None or len(set(found[2])) != len(found[2]) or len(found[2]) < 2:
                example = f"{wanted}={LETTERS[: min(base, 3)]}"
                raise InvalidInput(
                    f"{text!r} is not a generator of factor {wanted}",
                    hint=f"write it as a product of the base factors {LETTERS[:base]}, for instance {example}",
                )
            products.append((_mask(found[2]), -1 if found[1] == "-" else 1))
        made = cls(k, tuple(products))
        if made.resolution < 3:
            raise InvalidInput(
                f"the generators {' '.join(generators)} make two factors the same",
                hint="give each factor a product of its own",
            )
        return made

    @property
    def base(self) -> int:
        """How many factors are varied freely."""
        return self.k - len(self.products)

    @property
    def generators(self) -> tuple[str, ...]:
        """The generators as they are written: ``E=ABCD``."""
        return tuple(
            f"{LETTERS[self.base + i]}={'-' if sign < 0 else ''}{letters_of(mask)}"
            for i, (mask, sign) in enumerate(self.products)
        )

    @cached_property
    def relation(self) -> tuple[tuple[int, int], ...]:
        """The defining relation without I: (word, sign), shortest first."""
        found = [(0, 1)]
        for i, (mask, sign) in enumerate(self.products):
            word = mask | 1 << self.base + i
            found += [(other ^ word, each * sign) for other, each in found]
        del found[0]
        return tuple(sorted(found, key=lambda pair: (pair[0].bit_count(), letters_of(pair[0]))))

    @property
    def words(self) -> tuple[str, ...]:
        """The defining relation in letters: I = ABCE = ... without I."""
        return tuple(("-" if sign < 0 else "") + letters_of(mask) for mask, sign in self.relation)

    @property
    def resolution(self) -> int:
        """The length of the shortest word; k + 1 for a full factorial."""
        return min((mask.bit_count() for mask, _ in self.relation), default=self.k + 1)

    @property
    def roman(self) -> str:
        """The resolution as it is written; ``full`` where nothing is aliased."""
        if not self.products:
            return "full"
        return _ROMAN[self.resolution] if self.resolution < len(_ROMAN) else str(self.resolution)

    @property
    def pattern(self) -> tuple[int, ...]:
        """How many words have length 3, 4, ..., k."""
        lengths = [mask.bit_count() for mask, _ in self.relation]
        return tuple(lengths.count(length) for length in range(3, self.k + 1))

    def runs(self) -> Array:
        """Return the runs (2^base, k) in Yates order of the base factors."""
        n = 1 << self.base
        base = np.array([[1.0 if run >> j & 1 else -1.0 for j in range(self.base)] for run in range(n)])
        added = [
            sign * base[:, [j for j in range(self.base) if mask >> j & 1]].prod(axis=1) for mask, sign in self.products
        ]
        return np.column_stack([base, *added])

    def aliases(self, order: int = 2, *, shown: int = 2) -> tuple[tuple[str, ...], ...]:
        """Return the alias chains of all effects up to ``order`` factors, partners up to ``shown`` factors.

        Each chain starts with its shortest effect; a minus stands before what is aliased with opposite sign.
        """
        chains: list[tuple[str, ...]] = []
        seen: set[int] = set()
        for size in range(1, order + 1):
            for chosen in combinations(range(self.k), size):
                effect = sum(1 << j for j in chosen)
                if effect in seen:
                    continue
                partners = [(effect ^ word, sign) for word, sign in self.relation]
                partners.sort(key=lambda pair: (pair[0].bit_count(), letters_of(pair[0])))
                seen.update({effect, *(mask for mask, _ in partners)})
                kept = [("-" if s < 0 else "") + letters_of(m) for m, s in partners if m.bit_count() <= shown]
                chains.append((letters_of(effect), *kept))
        return tuple(chains)


def best_fraction(k: int, runs: int | None = None, *, resolution: int = 4) -> Fraction:
    """Return the fraction of minimum aberration: the published one, else the best found one factor after another.

    Parameters
    ----------
    runs : at most so many; without it, the fewest in which the ``resolution`` is reached.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    if not 2 <= k <= _MOST_FACTORS:
        raise InvalidInput(
            f"a two-level fraction of {k} factors",
            hint=f"it has 2 to {_MOST_FACTORS}; take plackett-burman or d-optimal",
        )
    sizes = [1 << base for base in range(1, k + 1) if k < 1 << base and 1 << base <= _MOST]
    if runs is not None:
        fitting = [each for each in sizes if each <= runs]
        if not fitting:
            raise InvalidInput(f"no two-level fraction of {k} factors in {runs} runs", hint=f"it needs {sizes[0]}")
        return _fraction(k, fitting[-1])
    for size in sizes:
        made = _fraction(k, size)
        if made.resolution >= resolution:
            return made
    raise InvalidInput(
        f"no fraction of {k} factors with resolution {resolution} in {_MOST} runs or fewer",
        hint="take fewer factors, or --kind plackett-burman",
    )


def _fraction(k: int, runs: int) -> Fraction:
    if runs >= 1 << k:
        return Fraction(k, ())
    if (k, runs) in _BEST:
        return Fraction.parse(k, _BEST[k, runs].split())
    base = runs.bit_length() - 1
    made = Fraction(base, ())
    free = sorted((m for m in range(3, runs) if m.bit_count() > 1), key=lambda m: (-m.bit_count(), m))
    for size in range(base + 1, k + 1):
        trials = [Fraction(size, (*made.products, (mask, 1))) for mask in free if (mask, 1) not in made.products]
        # Fewest words of length 3, then 4, and so on.
        made = min(trials, key=lambda each: each.pattern)
    return made
