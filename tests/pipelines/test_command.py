"""A pipeline's command line: made from its settings, and what of several places wins."""

from pathlib import Path

import pytest
from pydantic import Field
from rich.console import Console

from pipelines.command import INTERRUPTED, CommandLine
from shared.config import Settings
from shared.errors import InputError
from shared.failures import TRACEBACK_VARIABLE


class Baking(Settings):
    """What a test bakes."""

    loaf: str = "rye"
    loaves: int = 1
    shops: tuple[str, ...] = ("north",)
    is_sweet: bool = Field(False, alias="sweet", description="with sugar")


class Oven:
    """Keeps what it was given, and ends as the test says."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.settings: list[Baking] = []
        self.commands: list[str] = []
        self.error = error

    def bake(self, settings: Baking, command: str, console: Console) -> int:
        self.settings.append(settings)
        self.commands.append(command)
        if self.error is not None:
            raise self.error
        return 3

    def main(self, *options: str) -> CommandLine[Baking]:
        return CommandLine("bake", Baking, self.bake, "Bakes.\n\nMore.", options=options)


def test_the_later_of_file_variable_override_and_assignment_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oven, file = Oven(), tmp_path / "run.yaml"
    file.write_text("loaf: oat\nloaves: 2\nshops: [a]\nsweet: true\n")
    monkeypatch.setenv("BANYAN_BAKE__LOAVES", "3")
    monkeypatch.setenv("BANYAN_BAKE__SHOPS", "[b]")

    status = oven.main().start(file, ["loaf=spelt"], {"loaf": "corn", "shops": ["c"]})

    assert status == 3
    assert oven.settings == [Baking(loaf="spelt", loaves=3, shops=("c",), sweet=True)]


def test_the_command_that_is_told_repeats_the_run(tmp_path: Path) -> None:
    oven, file = Oven(), tmp_path / "a run.yaml"
    file.write_text("loaves: 2\n")
    main = oven.main()

    main(["--config", str(file), "--set", "loaf=rye bread", "--set", "shops=[a]"])
    main([])

    given = f"--config '{file}' --set 'loaf=rye bread' 'shops=[a]'"
    assert oven.commands == [f"python -m pipelines.bake {given}", "python -m pipelines.bake"]


def test_a_setting_has_an_option_where_the_pipeline_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    oven = Oven()
    main = oven.main("loaves", "shops", "sweet")

    assert main(["--loaves", "5", "--shops", "a", "b", "--sweet", "--set", "loaf=oat"]) == 3
    assert main(["--no-sweet"]) == 3

    assert oven.settings == [Baking(loaf="oat", loaves=5, shops=("a", "b"), sweet=True), Baking()]
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert "Bakes." in said
    assert "with sugar" in said
    assert "--loaf " not in said
    assert main(["--loaves", "many"]) == 1
    assert "loaves: expected a whole number, found 'many'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (InputError("the flour is gone: buy some"), 1, "error: the flour is gone: buy some"),
        (KeyboardInterrupt(), INTERRUPTED, "interrupted: nothing is half-written"),
    ],
)
def test_what_fails_ends_with_a_sentence(
    error: BaseException,
    status: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(TRACEBACK_VARIABLE, raising=False)

    assert Oven(error).main()([]) == status

    assert said in capsys.readouterr().err
