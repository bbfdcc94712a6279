"""What one line typed into labloop loop does: a result, a failure, a refusal, a file, a request for more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labloop.cli.answer import console
from labloop.cli.record import doubted, show_recorded
from labloop.cli.render import heading, plain
from labloop.errors import InvalidInput, did_you_mean
from labloop.loop.correct import veto
from labloop.loop.handin import hand_in, type_in
from labloop.loop.look import experiments
from labloop.loop.lookup import experiment_number
from labloop.loop.typed import result_line
from labloop.loop.workspace import Workspace
from labloop.records import FailureKind, Result, experiment_id
from labloop.spec.models import Spec

__all__ = ["Sitting", "Taken", "commands"]

_COMMANDS = """\
{results}
  Enter            not yet: go on to the next
  fail [KIND WHY]  it gave no result: infeasible (if nothing is said), equipment, operator, qc
  veto WHY         it will not be run
  file PATH        take results from a filled-in sheet
  more [N]         propose a further batch without waiting
  #7 ...           any of these for experiment 7
  ?                this list
  stop             stop here; labloop loop goes on from here"""
_ONE = """\
  VALUE            the result, with its unit or without; replicates: NAME=VALUE NAME=VALUE
  NAME=VALUE       also what was observed, or set otherwise than planned"""
_SEVERAL = """\
  NAME=VALUE ...   the results; the same name again is a replicate
                   also what was observed, or set otherwise than planned"""
_WORDS = ("fail", "veto", "file", "more", "help", "stop")
_MOST = 384


def commands(spec: Spec) -> list[str]:
    """List what can be typed."""
    return _COMMANDS.format(results=_ONE if len(spec.outcomes) == 1 else _SEVERAL).splitlines()


@dataclass(frozen=True)
class Taken:
    """What became of a line.

    ``lines`` say it; ``done`` that the experiment asked for is dealt with, up to the outcomes that are
    ``missing``; ``changed`` that others may be; ``more`` asks for so many proposals (0: a usual batch).
    """

    lines: tuple[str, ...] = ()
    done: bool = False
    missing: tuple[str, ...] = ()
    changed: bool = False
    more: int | None = None


class Sitting:
    """Takes lines for the experiments of one campaign; everything is recorded at once."""

    def __init__(self, ws: Workspace, name: str, spec: Spec) -> None:
        self.spec = spec
        self._ws, self._name = ws, name

    def headings(self, outcomes: Sequence[str]) -> str:
        """Write outcomes with their units."""
        return ", ".join(heading(name, self.spec.outcomes[name].unit) for name in outcomes)

    def take(self, experiment: int, line: str, wanted: Sequence[str]) -> Taken:
        """Do what one line says; a number alone is the outcome that is wanted, if that is one.

        Raises
        ------
        LabloopError
            If it cannot be done; nothing was written.
        """
        word, _, rest = line.partition(" ")
        if word.startswith(("#", f"{self._name}#")):
            if not rest.strip():
                raise InvalidInput(f"what about {word}?", hint=f"for instance: {word} {self._example}")
            other = self.take(experiment_number(self._name, word), rest.strip(), tuple(self.spec.outcomes))
            return Taken(other.lines, changed=True, more=other.more)
        match word.casefold():
            case "":
                return Taken(done=True)
            case "help" | "?":
                return Taken(tuple(line.removeprefix("  ") for line in commands(self.spec)))
            case "fail":
                return self._fail(experiment, rest.strip())
            case "veto":
                return self._veto(experiment, rest.strip())
            case "file":
                return self._file(rest.strip().strip("'\""))
            case "more":
                return Taken(more=_batch(rest.strip()))
        return self._result(experiment, line, wanted)

    @property
    def _example(self) -> str:
        return f"{next(iter(self.spec.outcomes))}=VALUE"

    def _fail(self, experiment: int, rest: str) -> Taken:
        word, _, why = rest.partition(" ")
        kinds = [each.value for each in FailureKind]
        kind = word.casefold() or FailureKind.INFEASIBLE.value
        if kind not in kinds:
            raise InvalidInput(
                f"{word!r} is not a kind of failure; known: {', '.join(kinds)}",
                hint=f"for instance: fail equipment {rest}",
            )
        type_in(self._ws.store, self._name, [Result(experiment, failure=FailureKind(kind), note=why.strip())])
        said = f": {why.strip()}" if why.strip() else ""
        return Taken((f"recorded {self._id(experiment)}: no result ({kind}){said}",), done=True)

    def _veto(self, experiment: int, why: str) -> Taken:
        if not why:
            raise InvalidInput("a veto needs a reason", hint="for instance: veto too hot for the pump")
        veto(self._ws.store, self._name, [experiment], reason=why)
        return Taken((f"vetoed {self._id(experiment)}: {why}",), done=True)

    def _file(self, path: str) -> Taken:
        if not path:
            raise InvalidInput("which file?", hint="for instance: file batch.csv")
        done = hand_in(self._ws.store, self._name, Path(path).expanduser())
        show_recorded(console(stderr=True), done)
        return Taken(tuple(f"note: {note}" for note in done.notes), changed=True)

    def _result(self, experiment: int, line: str, wanted: Sequence[str]) -> Taken:
        try:
            results = result_line(self.spec, experiment, line, wanted)
        except InvalidInput as error:
            meant = did_you_mean(line.split()[0], _WORDS)
            if "=" in line or not meant.startswith("did"):
                raise
            raise InvalidInput(error.message, hint=meant, field=error.field) from error
        done = type_in(self._ws.store, self._name, results, doubt=doubted)
        named = self._id(experiment)
        if not done.recorded:
            return Taken((f"{named} has that already, left as it is",), done=True)
        now = experiments(self._ws.store, self._name, numbers=(experiment,))[0]
        missing = tuple(name for name in self.spec.outcomes if now.mean(name) is None)
        lines = [f"recorded {named}: {self._values(results)}", *(f"note: {note}" for note in done.notes)]
        if missing:
            later = " ".join(f"{name}=VALUE" for name in missing)
            lines.append(
                f"still missing: {', '.join(missing)}. Type it now, or Enter, and later:  #{experiment} {later}"
            )
        return Taken(tuple(lines), done=True, missing=missing)

    def _values(self, results: Sequence[Result]) -> str:
        measured: dict[str, list[str]] = {}
        for result in results:
            for name, value in (*result.outcomes.items(), *result.covariates.items()):
                measured.setdefault(name, []).append(f"{value:.12g}")
        executed = {name: [plain(value)] for name, value in (results[0].executed or {}).items()}
        units = {name: each.unit for name, each in (*self.spec.parameters.items(), *self.spec.outcomes.items())}
        return ", ".join(
            f"{name} = {' and '.join(values)} {units[name] or ''}".strip()
            for name, values in (measured | executed).items()
        )

    def _id(self, experiment: int) -> str:
        return experiment_id(self._name, experiment)


def _batch(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 0 < int(text) <= _MOST):
        raise InvalidInput(f"more {text}: expected a number of experiments, 1 to {_MOST}", hint="for instance: more 4")
    return int(text)
