"""labloop init: what is wrong with a table or an answer is said where it stands, and nothing typed is lost."""

from __future__ import annotations

from tests.cli.conftest import Cli


def test_a_cell_that_is_no_number_is_named_with_its_line(cli: Cli) -> None:
    (cli.folder / "en.csv").write_text("Temp (C),Yield\n20,50\n30,60\n40,nd\n50,70\n")
    cli("init", "--from", "en.csv", code=3)
    assert "line 4, row 3, Yield: 'nd' is not a number" in cli.err
    problem = cli.json("init", "--from", "en.csv", code=3)["error"]["problems"][0]
    assert (problem["line"], problem["row"], problem["field"]) == (4, 3, "Yield")


def test_the_file_is_named_as_it_is_seen_from_here(cli: Cli) -> None:
    assert "Wrote campaigns/reaction.yaml." in cli("init", "--template", "reaction")
