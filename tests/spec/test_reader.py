from __future__ import annotations

from pathlib import Path

import pytest

from labloop.errors import InvalidSpec, NotFound
from labloop.spec.parameters import Choice
from labloop.spec.reader import parse_spec, read_spec
from labloop.spec.writer import spec_to_yaml
from tests.conftest import make_spec

GOOD = """\
schema: labloop/1
name: hydrogel
parameters:
  HEA: {mixture: monomers, unit: mol/mol}
  BA: {mixture: monomers, min: 0.05, unit: mol/mol}
  time: {bounds: [1e-1, 1e5], scale: log, unit: h}
  solvent: {choices: [water, "no"]}
mixtures:
  monomers: {total: 1}
constraints:
  - 2*HEA + BA <= 1.8
objectives:
  yield: {goal: maximize}
limits:
  - purity >= 95
"""


def _problem(text: str) -> tuple[str, str, int | None]:
    """Read a campaign that is wrong; return message, hint and line of its first problem."""
    with pytest.raises(InvalidSpec, match=r".") as caught:
        parse_spec(text)
    first = caught.value.problems[0]
    return first.message, first.hint, first.line


def test_a_good_file_is_read_as_it_is_meant() -> None:
    spec = parse_spec(GOOD)
    assert list(spec.parameters) == ["HEA", "BA", "time", "solvent"]
    assert spec.parameters["time"].bounds == (0.1, 1e5)  # type: ignore[union-attr]
    assert spec.choices("solvent") == ("water", "no")
    assert spec.limits[0].outcome == "purity"


@pytest.mark.parametrize(
    ("old", "new", "message", "hint", "line"),
    [
        ("[1e-1, 1e5]", "[100, 1]", "bounds are reversed: expected [low, high], got [100, 1]", "swap them", 6),
        ("[1e-1, 1e5]", "[0, 1e5]", "a log scale needs bounds above 0, got 0", "use scale: linear", 6),
        ("[1e-1, 1e5]", "[1, 1e5], stp: 2", "unknown key 'stp'", "did you mean 'step'?", 6),
        ("bounds: [1e-1, 1e5]", "bond: [1, 3]", "unknown key 'bond'", "did you mean 'bounds'?", 6),
        ("[1e-1, 1e5]", "[1, high]", "got 'high', expected a number", "write a number", 6),
        ("[1e-1, 1e5]", "[1, .inf]", "got inf, expected a finite number", "write a number", 6),
        ("[1e-1, 1e5]", "[1, 1e308]", "got 1e+308, expected a number of at most 1e+150", "check the value", 6),
        ("[1e-1, 1e5]", '["60,5", 70]', "got '60,5', expected a number", "without quotes: 60.5", 6),
        ("[1e-1, 1e5]", "[60,5, 70]", "got [60, 5, 70], expected fewer values", "decimal points: [60.5, 70]", 6),
        ("[1e-1, 1e5]", '["60.5", 70]', "got '60.5', expected a number", "without quotes: 60.5", 6),
        ("[1e-1, 1e5]", "[20 min, 70]", "got '20 min', expected a number", "write 20, and unit: min beside it", 6),
        ("[1e-1, 1e5]", "[1, 9], step: 0", "got 0, expected a number above 0", "write step: with a number above 0", 6),
        ("[1e-1, 1e5]", "[1, 2, 3]", "got [1, 2, 3], expected fewer values", "[low, high]", 6),
        ("maximize", "maximise", "got 'maximise', expected maximize, minimize or target", "'maximize'", 13),
        ("mixture: monomers, min", "mixture: monomer, min", "no mixture 'monomer'", "'monomers'", 5),
        ("min: 0.05, unit: mol/mol", "min: 0.05, unit: g", "units clash within one mixture", "convert them", 9),
        ("total: 1", "total: 100, at_most: 1", "", "", None),
        ("min: 0.05", "min: 0.05, max: 60", "max 60 is above the mixture's total 1", "percent or fraction", 5),
        ("2*HEA + BA", "2*HAE + BA", "no parameter 'HAE'", "did you mean 'HEA'?", 11),
        ("2*HEA + BA <= 1.8", 'solvent == "watr"', "solvent has no choice 'watr'", "'water'", 11),
        ("2*HEA + BA <= 1.8", "solvent <= 3", "'solvent' is a choice, not a number", "==", 11),
        ("2*HEA + BA <= 1.8", "yield >= 3", "'yield' is an outcome", "limits", 11),
        ("purity >= 95", "purity = 95", "is not a rule", "purity >= 95", 15),
        ("purity >= 95", "HEA >= 0.5", "'HEA' is a parameter, not an outcome", "constraints", 15),
        ("name: hydrogel", "name: ../x", "got '../x', expected a name of letters", "for instance x", 2),
        ("name: hydrogel", "name: CON", "'CON' is a device name on Windows", "for instance CON_1", 2),
        ("schema: labloop/1", "schema: labloop/9", "schema 'labloop/9' is not known", "labloop/1", 1),
        ('"no"]', "true]", "expected a name in quotes", "truth value", 7),
        ("solvent:", "Yield:", "the name 'yield' is used twice", "rename one", 13),
        ("solvent:", "note:", "is a word that labloop uses itself", "note_1", 7),
        ("solvent:", "my solvent:", "expected a name of letters, digits and _", "my_solvent", 7),
        ("limits:", "limit:", "unknown key 'limit'", "did you mean 'limits'?", 14),
    ],
)
def test_a_mistake_is_answered_with_line_value_and_fix(
    old: str, new: str, message: str, hint: str, line: int | None
) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if not message:  # a total of 100 with one component of at most 100: fine
        parse_spec(text)
        return
    said, fix, where = _problem(text)
    assert message in said
    assert hint in fix or hint in said
    assert where == line


def test_a_name_given_twice_is_found_before_yaml_drops_one() -> None:
    said, _, line = _problem(GOOD.replace("BA: {", "HEA: {"))
    assert said == "'HEA' is given twice"
    assert line == 5


def test_a_tab_is_named_as_a_tab() -> None:
    said, fix, line = _problem(GOOD.replace("  HEA", "\tHEA"))
    assert "a tab in" in said
    assert "two spaces" in fix
    assert line == 4


def test_a_yaml_bomb_is_refused_before_it_goes_off() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=False))
    said, _, line = _problem("schema: labloop/1\n" + bomb)
    assert "alias" in said
    assert line == 3


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_text("# " + "x" * 1_100_000)
    with pytest.raises(InvalidSpec, match="bytes, expected at most"):
        read_spec(path)


@pytest.mark.parametrize("text", ["", "# nothing", "- 1\n- 2", "just words", "3", "{}"])
def test_what_is_no_mapping_is_answered_with_the_first_line_to_write(text: str) -> None:
    with pytest.raises(InvalidSpec, match=r"expected keys and values|no schema"):
        parse_spec(text)


@pytest.mark.parametrize("text", ["a: [1", "a: 'x", "a: b: c", "@", "%", "a: {b: }}"])
def test_what_is_no_yaml_is_said_with_its_line(text: str) -> None:
    with pytest.raises(InvalidSpec, match="not readable as YAML"):
        parse_spec(text)


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("{total: 1}", "{total: 0}", "write total: with a number above 0"),
        ("{total: 1}", "{total: 1, at_most: 0}", "write at_most: with a number of at least 1"),
        ("limits:", "planner: {batch: -3}\nlimits:", "write batch: with a number of at least 1"),
        ("limits:", "planner: {batch: 999}\nlimits:", "write batch: with a number of at most 384"),
        ("maximize", "maximize, range: [100, 0]", "swap them"),
        ("maximize", "target", "write {goal: target, target: 7}"),
        ("bounds: [1e-1, 1e5]", "levels: [3, 2]", "write them in increasing order: [2, 3]"),
    ],
)
def test_a_fix_says_what_to_write(old: str, new: str, hint: str) -> None:
    assert old in GOOD
    _, fix, line = _problem(GOOD.replace(old, new, 1))
    assert hint in fix
    assert line is not None


def test_nesting_without_end_is_refused_with_its_line() -> None:
    said, fix, line = _problem(GOOD + "planner: " + "[" * 500 + "]" * 500)
    assert "more than 20 deep" in said
    assert "close a bracket" in fix
    assert line == 16


def test_a_character_that_is_no_text_is_named_with_its_line() -> None:
    said, fix, line = _problem(GOOD.replace("BA:", "B\0A:", 1))
    assert said == "the control character U+0000 in a text file"
    assert fix == "delete that character"
    assert line == 5


def test_the_byte_that_is_wrong_is_named_behind_a_byte_order_mark_too(tmp_path: Path) -> None:
    path = tmp_path / "hydrogel.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("mol/mol", "\u00b0C").encode("latin-1"))
    with pytest.raises(InvalidSpec, match="line 4: byte 0xb0 is not UTF-8"):
        read_spec(path)


def test_all_mistakes_are_listed_at_once() -> None:
    text = GOOD.replace("maximize", "max").replace("[1e-1, 1e5]", "[5, 1]").replace("[water", "[3")
    with pytest.raises(InvalidSpec, match="goal") as caught:
        parse_spec(text)
    assert [problem.line for problem in caught.value.problems] == [6, 7, 13]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_are_read_in_the_encodings_editors_write(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "hydrogel.yaml"
    path.write_bytes(GOOD.replace("mol/mol", "µmol/µmol").encode(encoding))
    assert read_spec(path).parameters["HEA"].unit == "µmol/µmol"


def test_other_encodings_are_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "hydrogel.yaml"
    path.write_bytes(GOOD.replace("mol/mol", "µmol").encode("cp1252"))
    with pytest.raises(InvalidSpec, match="line 4: byte 0xb5 is not UTF-8"):
        read_spec(path)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        read_spec(tmp_path / "x.yaml")


def test_descriptors_come_from_a_table_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "solvents.csv").write_text("name;polarity;boiling\nwater;10,2;100\nEtOH;5,2;78\n")
    path = tmp_path / "hydrogel.yaml"
    path.write_text(GOOD.replace('[water, "no"]', "solvents.csv"))
    solvent = read_spec(path).parameters["solvent"]
    assert isinstance(solvent, Choice)
    assert solvent.descriptors["water"] == {"polarity": 10.2, "boiling": 100.0}
    (tmp_path / "solvents.csv").write_text("name;polarity\nwater;high\nEtOH;5,2\n")
    with pytest.raises(InvalidSpec, match=r"line 7.*'high' is not a number"):
        read_spec(path)


def test_a_table_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "hydrogel.yaml"
    path.write_text(GOOD.replace('[water, "no"]', "../../etc/passwd"))
    with pytest.raises(InvalidSpec, match="not beside the campaign file"):
        read_spec(path)


def test_a_candidate_table_is_the_whole_space(tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text("T,solvent\n20,water\n40,EtOH\n")
    path = tmp_path / "screen.yaml"
    text = """\
schema: labloop/1
name: screen
parameters:
  temperature: {bounds: [20, 80], label: T}
  solvent: {choices: [water, EtOH]}
candidates: runs.csv
objectives:
  yield: {goal: maximize}
"""
    path.write_text(text)
    table = read_spec(path).candidates
    assert table is not None
    assert table.columns == ("temperature", "solvent")
    assert table.rows == ((20.0, "water"), (40.0, "EtOH"))
    (tmp_path / "runs.csv").write_text("T,solvent\n20,water\n95,EtOH\n")
    with pytest.raises(InvalidSpec, match=r"row 2.*temperature is 95, expected 20 to 80"):
        read_spec(path)


def test_what_is_written_reads_back_equal() -> None:
    for spec in (make_spec(), parse_spec(GOOD)):
        text = spec_to_yaml(spec, comments={"objectives": "what to improve"})
        assert parse_spec(text) == spec
        assert "# what to improve" in text
