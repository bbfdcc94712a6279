"""A spec inferred from a table of results: what is guessed, what is said, and that the table then fits it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from labloop.errors import InvalidInput, InvalidTable
from labloop.exchange.blend import find_blends
from labloop.exchange.infer import InferredSpec, infer_spec
from labloop.exchange.results import read_results
from labloop.spec.reader import parse_spec
from labloop.tabular import Table, read_records, read_stream, read_table


def table_of(headings: str, rows: Sequence[Sequence[Any]]) -> Table:
    names = headings.split("|")
    return read_records([dict(zip(names, row, strict=True)) for row in rows], source="old.csv")


def grid(headings: str = "temp_C|base|yield") -> Table:
    rows = [[t, b, 10.0 + i] for i, (t, b) in enumerate((t, b) for t in (90, 105, 120) for b in ("K", "Cs", "Na"))]
    return table_of(headings, rows)


def inferred(table: Table, **options: Any) -> InferredSpec:
    """Infer a spec, and prove that it is valid and that its own table can be read with it."""
    found = infer_spec(table, name="old", **options)
    handed = read_results(table, parse_spec(found.spec), number_of=int)
    assert len(handed.results) == len(table.rows)
    return found


def said(found: InferredSpec) -> str:
    return "\n".join(found.notes)


class TestOnRealCampaigns:
    def test_the_hydrogels_are_a_mixture_of_six_components(self, shared_data: Path) -> None:
        found = inferred(read_table(shared_data / "hydrogel_180.csv"))
        parameters = found.spec["parameters"]
        assert list(parameters) == [
            "Nucleophilic_HEA", "Hydrophobic_BA", "Acidic_CBEA", "Cationic_ATAC", "Aromatic_PEA", "Amide_AAm",
        ]  # fmt: skip
        assert all(each["mixture"] == "mixture" for each in parameters.values())
        assert parameters["Nucleophilic_HEA"]["label"] == "Nucleophilic-HEA"
        assert "the smallest share was 0.045" in said(found).lower()
        assert found.spec["mixtures"] == {"mixture": {"total": 1.0}}
        assert found.spec["objectives"] == {
            "Glass_max": {"goal": "maximize", "unit": "kPa", "label": "Glass (kPa)_max"}
        }
        assert "the first column has no heading" in said(found)

    def test_the_direct_arylations_are_three_choices_and_two_factors(self, shared_data: Path) -> None:
        found = inferred(read_table(shared_data / "direct_arylation.csv"))
        parameters = found.spec["parameters"]
        assert list(parameters) == ["Concentration", "Temp", "Base", "Ligand", "Solvent"]
        assert parameters["Concentration"] == {"levels": [0.057, 0.1, 0.153]}
        assert parameters["Temp"] == {"unit": "degC", "label": "Temp_C", "levels": [90, 105, 120]}
        assert [len(parameters[name]["choices"]) for name in ("Base", "Ligand", "Solvent")] == [4, 12, 4]
        assert found.spec["objectives"] == {"yield": {"goal": "maximize"}}
        assert "'Base_SMILES' is left out: it goes one to one with 'Base'" in said(found)
        assert "'entry' is left out: it only counts the rows" in said(found)


class TestTheObjective:
    def test_is_found_by_its_heading(self) -> None:
        found = inferred(grid("temp_C|base|yield"))
        assert found.spec["objectives"] == {"yield": {"goal": "maximize"}}
        assert "'yield' is taken as what to improve" in said(found)

    def test_is_else_the_last_column_of_numbers(self) -> None:
        found = inferred(grid("temp_C|base|wobble"))
        assert "the last column of numbers" in said(found)
        assert list(found.spec["objectives"]) == ["wobble"]

    def test_can_be_named_and_minimised(self) -> None:
        found = inferred(grid("temp_C|base|cost"), objective="Cost", minimize=True)
        assert found.spec["objectives"] == {"cost": {"goal": "minimize"}}

    def test_that_does_not_exist_is_refused_with_the_closest_name(self) -> None:
        with pytest.raises(InvalidInput, match="no column 'yeild'") as caught:
            infer_spec(grid(), name="old", objective="yeild")
        assert "'yield'" in caught.value.hint

    def test_that_holds_texts_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="'base' holds no numbers"):
            infer_spec(grid(), name="old", objective="base")

    def test_leaves_other_measured_columns_out(self) -> None:
        rows = [[t, 10.0 + t / 7, 90.0 + t / 50] for t in range(20, 32)]
        found = inferred(table_of("temperature|yield (%)|purity (%)", rows))
        assert list(found.spec["parameters"]) == ["temperature"]
        assert "'purity (%)' is left out" in said(found)
        assert found.spec["objectives"]["yield"]["range"] == [0, 100]


class TestKinds:
    def test_few_repeated_numbers_are_levels(self) -> None:
        assert inferred(grid()).spec["parameters"]["temp"]["levels"] == [90, 105, 120]

    def test_many_whole_numbers_are_an_integer(self) -> None:
        found = inferred(table_of("cycles|yield", [[k * 3 % 17, 1.5 * k] for k in range(14)]))
        assert found.spec["parameters"]["cycles"] == {"bounds": [0, 16], "integer": True}

    def test_other_numbers_have_the_bounds_that_were_seen(self) -> None:
        found = inferred(table_of("dose|yield", [[0.5 + k * 0.37, k] for k in range(8)]))
        assert found.spec["parameters"]["dose"] == {"bounds": [0.5, 0.5 + 7 * 0.37]}

    @pytest.mark.parametrize(("spread", "log"), [("even in the logarithm", True), ("even", False)])
    def test_the_scale_is_logarithmic_where_the_values_are(self, spread: str, log: bool) -> None:
        values = [10 ** (k / 5) if log else 1 + k * 28.7 for k in range(15)]
        found = inferred(table_of("time|yield", [[v, k] for k, v in enumerate(values)]))
        assert (found.spec["parameters"]["time"].get("scale") == "log") == log, spread

    def test_a_column_that_never_changes_is_a_constant(self) -> None:
        rows = [[t, "robot", 5.5, y] for t, y in [(20, 1.0), (30, 2.0), (40, 4.0)]]
        found = inferred(table_of("temperature|arm|volume|yield", rows))
        assert found.spec["parameters"]["arm"] == {"value": "robot"}
        assert found.spec["parameters"]["volume"] == {"value": 5.5}

    def test_a_number_that_is_blank_in_some_rows_is_only_observed(self) -> None:
        rows: list[list[Any]] = [[20, 41, 1.0], [30, None, 2.0], [40, 44, 4.0]]
        found = inferred(table_of("temperature|humidity|yield", rows))
        assert found.spec["parameters"]["humidity"] == {"observed": True}
        assert "'humidity' is blank in some rows" in said(found)

    def test_spellings_that_differ_in_case_are_one_choice(self) -> None:
        rows: list[list[Any]] = [[s, k] for k, s in enumerate(["THF", "water", "thf", "Water", "THF", "water"])]
        found = inferred(table_of("solvent|yield", rows))
        assert found.spec["parameters"]["solvent"] == {"choices": ["THF", "water"]}
        assert "'THF' and 'thf'" in said(found)

    def test_numbers_among_which_there_is_a_word_are_refused_with_the_row(self) -> None:
        rows: list[list[Any]] = [[20, 1.0], ["n/a", 2.0], [40, 4.0], [45, 4.0]]
        with pytest.raises(InvalidTable, match="row 2, temperature: 'n/a' is not a number"):
            infer_spec(table_of("temperature|yield", rows), name="old")

    def test_a_table_of_headings_alone_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match=r"old\.csv has headings but no rows"):
            infer_spec(read_stream(b"temp,yield\n", source="old.csv"), name="old")

    def test_nothing_that_varies_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match=r"nothing varies in old\.csv besides 'yield'"):
            infer_spec(table_of("temperature|yield", [[20, 1.0], [20, 2.0]]), name="old")


class TestWhatIsLeftOut:
    def test_dates_remarks_and_blank_columns(self) -> None:
        rows = [[t, f"2024-03-0{k}", "looked odd", None, t / 3] for k, t in enumerate((20, 30, 40), 1)]
        found = inferred(table_of("temperature|day|comment|spare|yield", rows))
        assert list(found.spec["parameters"]) == ["temperature"]
        for heading, why in (("day", "dates"), ("comment", "remark")):
            assert f"'{heading}' is left out" in said(found)
            assert why in said(found)

    def test_the_columns_that_labloop_keeps(self) -> None:
        rows = [[f"old#{k}", t, "", t / 3] for k, t in enumerate((20, 30, 40), 1)]
        found = infer_spec(table_of("experiment|temperature|failure|yield", rows), name="old")
        assert list(found.spec["parameters"]) == ["temperature"]

    def test_the_same_temperature_in_another_unit(self) -> None:
        rows = [[t, t + 273.15, t / 3] for t in (20, 31, 44, 52)]
        found = inferred(table_of("Temp_C|Temp_K|yield", rows))
        assert list(found.spec["parameters"]) == ["Temp_C"]
        assert "'Temp_K' is left out: it goes one to one with 'Temp_C'" in said(found)

    def test_a_first_factor_that_happens_to_count_is_kept(self) -> None:
        found = inferred(table_of("time|yield", [[k, 3.0 * k] for k in range(1, 9)]))
        assert list(found.spec["parameters"]) == ["time"]

    def test_but_a_screen_of_names_is_kept_for_it_is_the_question(self) -> None:
        found = inferred(table_of("entry|ligand|yield", [[k, f"L{k}", 3.0 * k % 11] for k in range(12)]))
        assert "ligand" in found.spec["parameters"]


class TestNames:
    @pytest.mark.parametrize(
        ("heading", "name", "unit"),
        [
            ("Temp (°C)", "Temp", "degC"),
            ("time / h", "time", "h"),
            ("conc_mM", "conc", "mM"),
            ("loading [mol%]", "loading", "mol%"),
            ("stirring (rpm)", "stirring", "rpm"),
            ("c (µM)", "c", "uM"),
            ("monomer_A", "monomer_A", None),
            ("Nucleophilic-HEA", "Nucleophilic_HEA", None),
            ("2nd step", "x_2nd_step", None),
            ("Batch", None, None),
            ("if", "if_1", None),
        ],
    )
    def test_are_made_of_headings_as_laboratories_write_them(
        self, heading: str, name: str | None, unit: str | None
    ) -> None:
        rows = [[k * 1.7, k * 0.3 % 1.1, k] for k in range(7)]
        parameters = inferred(table_of(f"{heading}|other|yield", rows)).spec["parameters"]
        if name is None:
            assert list(parameters) == ["other"]
            return
        assert parameters[name].get("unit") == unit
        assert parameters[name].get("label", name) == heading

    def test_never_collide(self) -> None:
        rows = [[k * 1.7, k * 0.3 % 1.1, k * 5 % 3.1, k] for k in range(7)]
        found = inferred(table_of("dose (g)|dose [mg]|dose|yield", rows))
        assert len(found.spec["parameters"]) == 3


class TestMixtures:
    @staticmethod
    def shares(rows: int, parts: int, *, total: float = 1.0, digits: int = 4) -> dict[str, list[float]]:
        dice = random.Random(3)
        table = []
        for _ in range(rows):
            raw = [dice.random() if dice.random() < 0.7 else 0.0 for _ in range(parts)]
            raw[0] += 0.1
            shares = [round(total * each / math.fsum(raw), digits) for each in raw]
            shares[0] = round(total - math.fsum(shares[1:]), digits)
            table.append(shares)
        return {f"m{part}": [row[part] for row in table] for part in range(parts)}

    @pytest.mark.parametrize("total", [1.0, 100.0])
    def test_are_found_among_other_columns(self, total: float) -> None:
        columns = self.shares(25, 4, total=total)
        dice = random.Random(5)
        mixed = {"pH": [dice.uniform(3, 9) for _ in range(25)], **columns, "dose": [dice.random() for _ in range(25)]}
        (blend,) = find_blends(mixed)
        assert blend.headings == ("m0", "m1", "m2", "m3")
        assert blend.total == total

    def test_are_found_where_their_columns_do_not_stand_together(self) -> None:
        columns = self.shares(25, 4)
        dice = random.Random(5)
        scattered: dict[str, list[float]] = {}
        for name, values in columns.items():
            scattered[name] = values
            scattered[f"x{name}"] = [dice.random() for _ in range(25)]
        (blend,) = find_blends(scattered)
        assert set(blend.headings) == set(columns)

    def test_columns_that_do_not_sum_up_are_none(self) -> None:
        columns = self.shares(25, 4)
        columns["m2"][7] += 0.05
        assert find_blends(columns) == []

    def test_flags_are_a_choice_and_no_mixture(self) -> None:
        flags = {"water": [1.0, 0.0, 0.0, 1.0], "DMSO": [0.0, 1.0, 0.0, 0.0], "THF": [0.0, 0.0, 1.0, 0.0]}
        assert find_blends(flags) == []

    def test_two_mixtures_are_told_apart(self) -> None:
        first = self.shares(25, 3)
        second = {f"s{name}": values for name, values in self.shares(25, 2, total=100.0).items()}
        assert {blend.headings for blend in find_blends({**first, **second})} == {("m0", "m1", "m2"), ("sm0", "sm1")}

    def test_a_wide_table_is_searched_quickly_or_not_at_all(self) -> None:
        dice = random.Random(1)
        wide = {f"c{k}": [dice.random() for _ in range(40)] for k in range(40)}
        assert find_blends(wide) == []

    def test_what_was_never_mixed_is_told_but_not_forbidden(self) -> None:
        rows = [[0.5, 0.5, 0, 1.0], [0.25, 0, 0.75, 2.0], [0, 0.2, 0.8, 3.0], [0.4, 0.6, 0, 2.5]]
        found = inferred(table_of("A|B|C|adhesion (kPa)", rows))
        assert found.spec["mixtures"] == {"mixture": {"total": 1.0}}
        assert found.spec["parameters"]["A"] == {"mixture": "mixture"}
        assert "At most 2 of them were ever present" in said(found)
        assert "The smallest share was 0.2;" in said(found)
