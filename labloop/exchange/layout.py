"""How experiments are laid out in a table: the sheet of a batch, and the export of a campaign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from labloop.exchange.sheet import Blank, Column, Sheet
from labloop.records import Experiment, Observation, Result, experiment_id
from labloop.spec.models import Outcome, Spec
from labloop.spec.parameters import Parameter

__all__ = ["batch_sheet", "export_sheet", "heading_of", "results_sheet"]


def heading_of(name: str, declared: Parameter | Outcome) -> str:
    """Return the heading of a column: the label a file had, else the name with its unit."""
    if declared.label:
        return declared.label
    return f"{name} [{declared.unit}]" if declared.unit else name


def batch_sheet(
    spec: Spec,
    experiments: Sequence[Experiment],
    results: Mapping[int, Result] | None = None,
    *,
    lead: Mapping[str, Sequence[Blank]] | None = None,
) -> Sheet:
    """Lay out a batch to be run and filled in, or as filled in with ``results`` by experiment number.

    One row an experiment: its id, further columns by heading in ``lead`` (a design's block and place), what to
    set, what is to be measured (blank), then replicate, failure and note. Predictions are left out: whoever
    measures should not know what is expected.
    """
    lead = lead or {}
    columns = [Column("experiment"), *(Column(heading) for heading in lead)]
    columns += [Column(heading_of(name, each), "plan") for name, each in spec.proposed.items()]
    measured = {**spec.outcomes, **{name: spec.parameters[name] for name in spec.covariates}}
    columns += [Column(heading_of(name, each), "result") for name, each in measured.items()]
    columns += [Column("replicate"), Column("failure"), Column("note")]
    rows = []
    for position, each in enumerate(experiments):
        result = (results or {}).get(each.number, Result(each.number))
        values = {**result.outcomes, **result.covariates}
        done = {**each.planned, **(result.executed or {})}
        rows.append(
            (
                experiment_id(spec.name, each.number),
                *(column[position] for column in lead.values()),
                *(done.get(name) for name in spec.proposed),
                *(values.get(name) for name in measured),
                result.replicate,
                result.failure.value if result.failure else None,
                result.note or None,
            )
        )
    return Sheet(tuple(columns), tuple(rows))


def results_sheet(spec: Spec, results: Iterable[Result]) -> Sheet:
    """Lay out results that belong to no experiment: conditions and outcomes, as a laboratory keeps them."""
    columns = [Column(heading_of(name, each), "plan") for name, each in spec.proposed.items()]
    columns += [Column(heading_of(name, each), "result") for name, each in spec.outcomes.items()]
    columns += [Column(heading_of(name, spec.parameters[name])) for name in spec.covariates]
    columns += [Column("failure"), Column("note")]
    rows = [
        (
            *((each.executed or {}).get(name) for name in spec.proposed),
            *(each.outcomes.get(name) for name in spec.outcomes),
            *(each.covariates.get(name) for name in spec.covariates),
            each.failure.value if each.failure else None,
            each.note or None,
        )
        for each in results
    ]
    return Sheet(tuple(columns), tuple(rows))


def export_sheet(spec: Spec, experiments: Iterable[Experiment]) -> Sheet:
    """Lay out everything that was run: one row an observation, conditions as executed.

    Experiments without an observation have one row. Planned conditions stand in further columns where they
    differ anywhere.
    """
    experiments = list(experiments)
    moved = [n for n in spec.proposed if any(each.planned.get(n) != each.executed.get(n) for each in experiments)]
    extra = list(dict.fromkeys(h for each in experiments for o in each.observations for h in o.extra))
    columns = [Column("experiment"), Column("replicate"), Column("status"), Column("origin"), Column("batch")]
    columns += [Column(heading_of(name, each), "plan") for name, each in spec.proposed.items()]
    columns += [Column(heading_of(name, each), "result") for name, each in spec.outcomes.items()]
    columns += [Column(heading_of(name, spec.parameters[name])) for name in spec.covariates]
    columns += [Column(f"planned {name}") for name in moved]
    columns += [Column("failure"), Column("note"), *(Column(heading) for heading in extra)]
    rows = []
    for each in experiments:
        rows += [_export_row(spec, each, observation, moved, extra) for observation in each.observations or (None,)]
    return Sheet(tuple(columns), tuple(rows))


def _export_row(
    spec: Spec, each: Experiment, observation: Observation | None, moved: Sequence[str], extra: Sequence[str]
) -> tuple[Blank, ...]:
    seen = observation or Observation(0, {})
    note = "; ".join(part for part in (each.note, seen.note) if part)
    return (
        experiment_id(spec.name, each.number),
        observation.index if observation else None,
        each.status.value,
        each.origin.value,
        each.batch,
        *(each.executed.get(name) for name in spec.proposed),
        *(seen.outcomes.get(name) for name in spec.outcomes),
        *(seen.covariates.get(name) for name in spec.covariates),
        *(each.planned.get(name) for name in moved),
        each.failure.value if each.failure else None,
        note or None,
        *(seen.extra.get(heading) for heading in extra),
    )
