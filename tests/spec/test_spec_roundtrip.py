"""spec -> YAML -> spec, for whatever a person may write."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from labloop.spec.models import Spec
from labloop.spec.reader import parse_spec
from labloop.spec.writer import spec_to_yaml

names = st.from_regex(r"[A-Za-zµäé_][A-Za-z0-9_]{0,12}", fullmatch=True)
numbers = st.floats(-1e6, 1e6).map(lambda value: float(f"{value:.6g}"))
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Co")), max_size=30)
words = texts.map(str.strip).filter(bool)
units = st.sampled_from(["degC", "mol/L", "%", "kPa", "h", "µM"])


@st.composite
def parameters(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(
        st.sampled_from(["continuous", "log", "integer", "levels", "choice", "described", "covariate", "constant"])
    )
    low = draw(numbers)
    high = low + draw(st.floats(1e-3, 1e4))
    described = {"description": draw(words)} if draw(st.booleans()) else {}
    unit = {"unit": draw(units)} if draw(st.booleans()) else {}
    options = draw(st.lists(words, min_size=2, max_size=5, unique_by=str.casefold))
    match kind:
        case "continuous":
            step = {"step": (high - low) / draw(st.integers(1, 50))} if draw(st.booleans()) else {}
            return {"bounds": [low, high], **step, **unit, **described}
        case "log":
            return {"bounds": [abs(low) + 1e-3, abs(low) + high - low + 1e-3], "scale": "log", "change": "hard", **unit}
        case "integer":
            return {"bounds": [int(low), int(low) + draw(st.integers(1, 99))], "integer": True, **described}
        case "levels":
            return {"levels": sorted(draw(st.lists(numbers, min_size=2, max_size=6, unique=True))), **unit}
        case "choice":
            return {"choices": options, **described}
        case "described":
            return {"choices": {option: {"polarity": draw(numbers), "size": draw(numbers)} for option in options}}
        case "covariate":
            return {"observed": True, **unit}
    return {"value": draw(st.one_of(numbers, words)), **described}


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    called = draw(st.lists(names, min_size=7, max_size=14, unique_by=str.casefold))
    reserved = {"if", "then", "and", "or", "not", "in", "is", "true", "false", "none"}
    reserved |= {"note", "slot", "batch", "origin"}
    called = [name for name in called if name.casefold() not in reserved and name.isidentifier()]
    called += ["a_spare", "b_spare", "c_spare", "d_spare", "e_spare"]
    objective, limited, first, second, factor, *others = dict.fromkeys(called)
    found: dict[str, Any] = {
        "schema": "labloop/1",
        "name": "any",
        "question": draw(texts),
        "parameters": {
            factor: {"bounds": [0, 10]},
            first: {"mixture": "blend", "max": 0.9},
            second: {"mixture": "blend", "min": 0.05},
            **{name: draw(parameters()) for name in others},
        },
        "mixtures": {"blend": {"total": 1, "at_least": draw(st.integers(1, 2))}},
        "constraints": [f"{factor} <= {draw(st.integers(1, 9))}", f"if {first} > 0.5 then {factor} >= 1"],
        "objectives": {
            objective: draw(st.sampled_from([{"goal": "maximize"}, {"goal": "target", "target": 7.4, "error": 0.1}]))
        },
        "limits": [f"{limited} >= {draw(st.integers(0, 9))}"],
        "planner": {"batch": draw(st.integers(1, 96)), "seed": draw(st.integers(0, 2**40))},
    }
    return found


@settings(max_examples=150, deadline=None)
@given(specs())
def test_what_is_written_to_yaml_reads_back_equal(plain: dict[str, Any]) -> None:
    spec = Spec.model_validate(plain)
    again = parse_spec(spec_to_yaml(spec))
    assert again == spec
    assert list(again.parameters) == list(spec.parameters)
    assert again.to_json() == spec.to_json()
    assert Spec.model_validate_json(spec.to_json()) == spec
