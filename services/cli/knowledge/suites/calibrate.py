"""`banyan support calibrate` and `rollback`: the confidence for the bundles that answer now."""

import shlex
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from services.cli.bars import bars
from services.cli.options import (
    ApiKey,
    DeploymentFile,
    StateDir,
    Url,
    application_settings,
    connected,
)
from shared.errors import ConfigError, InputError

if TYPE_CHECKING:
    from services.cli.client import Platform
    from services.cli.knowledge.suites.evidence import Gathered
    from shared.retrieval.calibrations import CalibrationQuestion, Calibrations
    from shared.retrieval.suite import Suite

LEAST_QUESTIONS = 100
"""From so many own questions on a suite bounds a risk by itself."""


def calibrate(
    suite: Annotated[
        list[Path] | None,
        typer.Option(help="Own questions: a file, or a folder with articles/; may be repeated."),
    ] = None,
    kb: Annotated[str | None, typer.Option("--kb", help="The knowledge base to ask.")] = None,
    risk: Annotated[
        float | None,
        typer.Option(help="The largest share wrong among the answered, with certainty 0.9."),
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Answer from this confidence on.")] = None,
    most_wrong: Annotated[
        float, typer.Option(help="Of the answerable questions, answered wrongly at most.")
    ] = 0.1,
    most_unanswerable: Annotated[
        float, typer.Option(help="Of the unanswerable questions, answered at most.")
    ] = 0.2,
    dry_run: Annotated[bool, typer.Option(help="Print the figures; nothing changes.")] = False,
    file: DeploymentFile = None,
    state_dir: StateDir = None,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Fit the confidence to the bundles that answer now; the platform takes it within 2 s."""
    from pipelines.calibration.calibrating import EvidenceBundles, ThresholdRule, publish
    from pipelines.calibration.calibrating import calibrate as fit
    from pipelines.calibration.centres import calibration_centres
    from pipelines.calibration.report import print_report
    from services.cli.knowledge.suites.evidence import Gathered, check_gathered
    from shared.retrieval.calibrations import SUPPORT_CONFIDENCE
    from shared.retrieval.suite import read_suite

    for name, share in (("risk", risk), ("threshold", threshold)):
        if share is not None and not 0 < share < 1:
            raise InputError(f"--{name} is {share:g}: expected a share between 0 and 1")
    store = _store(file, state_dir)
    console = Console(highlight=False, soft_wrap=True)
    own = [read_suite(path) for path in suite or []]
    gathered = Gathered()
    with connected(url, key) as platform:
        _ask(platform, own, kb, console, gathered, are_own=True)
        own_questions = list(gathered.questions)
        pooled = _pooled(gathered)
        if not pooled and gathered.confidence in (None, SUPPORT_CONFIDENCE):
            ours = [read_suite(folder) for folder in calibration_centres()]
            console.print("asking the help centres that ship for calibration", markup=False)
            _ask(platform, ours, None, console, gathered, are_own=False)
    questions = [*gathered.questions, *pooled]
    bundles = EvidenceBundles(
        check_gathered(gathered),
        gathered.intent_bundle,
        gathered.judge_bundle,
        gathered.judge_weight,
    )
    rule = ThresholdRule(
        threshold=threshold,
        risk=risk,
        most_wrong=most_wrong,
        most_unanswerable=most_unanswerable,
        bound_on=_bounding_sets(own_questions, console),
    )
    command = shlex.join(["banyan", *sys.argv[1:]])
    name = gathered.confidence or SUPPORT_CONFIDENCE
    made = fit(questions, bundles, rule, command, name=name)
    print_report(console, made)
    if dry_run:
        console.print("nothing has changed: --dry-run")
        return
    bundle = publish(store, made)
    console.print(f"{bundle.id} serves within 2 s; `banyan support rollback` returns", markup=False)


def rollback(
    language: Annotated[
        str | None, typer.Option(help="Of knowledge bases in this language, such as zh.")
    ] = None,
    file: DeploymentFile = None,
    state_dir: StateDir = None,
) -> None:
    """Let the confidence serve again that served before."""
    from shared.artifacts import promotion
    from shared.retrieval.calibrations import confidence_name

    store, name = _store(file, state_dir), confidence_name(language)
    command = shlex.join(["banyan", *sys.argv[1:]])
    _, now = promotion.roll_back(store, name, command=command, at_s=time.time())
    Console(highlight=False, soft_wrap=True).print(f"{now} serves within 2 s", markup=False)


def _store(file: Path | None, state_dir: Path | None) -> "Calibrations":
    """The calibrations of the deployed support application."""
    from services.support.confidence import open_confidence
    from services.support.config import SupportSettings

    settings = application_settings(SupportSettings, file, state_dir)
    if settings is None:
        raise ConfigError("the application support is not deployed: see infra/serve/local.yaml")
    return open_confidence(settings.confidence_dir)


def _ask(
    platform: "Platform",
    suites: "Sequence[Suite]",
    kb: str | None,
    console: Console,
    gathered: "Gathered",
    *,
    are_own: bool,
) -> None:
    from services.cli.knowledge.suites.asking import knowledge_base_for
    from services.cli.knowledge.suites.evidence import gather

    with bars(console) as progress:
        for suite in suites:
            bar = progress.add_task(suite.name, total=len(suite.questions))
            with knowledge_base_for(platform, suite, kb) as name:
                is_temporary = kb is None and suite.articles is not None
                gather(
                    platform,
                    suite,
                    name,
                    gathered,
                    partial(progress.advance, bar),
                    label=suite.name if is_temporary else name,
                    is_own=are_own,
                )


def _pooled(gathered: "Gathered") -> "list[CalibrationQuestion]":
    """The questions of the calibration that ships, if the bundles that answer gave their evidence.

    Without own questions it is not known which bundles answer.
    """
    from services.support.confidence import SHIPPED
    from shared.retrieval.calibrations import SUPPORT_CONFIDENCE, open_calibrations, read_questions

    store = open_calibrations(SHIPPED)
    shipped = store.bundle(store.resolve(gathered.confidence or SUPPORT_CONFIDENCE))
    made = shipped.manifest
    embed, judge = gathered.embed_bundle, gathered.judge_bundle
    fits = embed is not None and made.fits(embed, gathered.intent_bundle, judge)
    questions = read_questions(shipped)
    if not fits or made.judge_weight != gathered.judge_weight or not questions:
        return []
    gathered.intent_bundle = made.intent_bundle
    return questions


def _bounding_sets(own: "Sequence[CalibrationQuestion]", console: Console) -> tuple[str, ...]:
    """The own sets, where they are large enough to bound a risk; warns where they are not."""
    if own and len(own) < LEAST_QUESTIONS:
        console.print(
            f"the suite has {len(own)} questions with a confidence: below {LEAST_QUESTIONS} they "
            "say little by themselves; the questions that ship decide with them",
            style="yellow",
            markup=False,
        )
    return tuple(sorted({q.set for q in own})) if len(own) >= LEAST_QUESTIONS else ()
