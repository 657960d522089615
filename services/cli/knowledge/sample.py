"""The sample knowledge bases that a platform without any is given."""

from pathlib import Path

from services.cli.client import Platform
from services.cli.knowledge.bases import PATH, load_files
from services.cli.knowledge.document_files import find_files
from services.cli.platform.progress import Progress
from services.cli.platform.run_file import Run
from shared.errors import ArtifactError, AuthenticationError

SAMPLE_NAME = "help-centre"
SAMPLE_FOLDER = Path(__file__).parents[2] / "support" / "sample" / SAMPLE_NAME
SAMPLE_SUITE = SAMPLE_FOLDER.with_name("questions.jsonl")
CHINESE_NAME = f"{SAMPLE_NAME}-zh"
CHINESE_FOLDER = SAMPLE_FOLDER.with_name(CHINESE_NAME)
CHINESE_SUITE = SAMPLE_FOLDER.with_name("questions-zh.jsonl")

_READS_CHINESE = "embed-zh"


def load_sample(run: Run, progress: Progress, *, key: str | None = None) -> None:
    """Loads the samples where the default tenant has no knowledge base at all.

    The Chinese one is loaded where the trunk has a backbone for it.

    Raises:
        PlatformError: the platform does not answer.
        ArtifactError: an article of the sample is refused.
    """
    with Platform(run.url, key) as platform:
        try:
            if platform.get(PATH)["knowledge_bases"]:
                return
        except AuthenticationError:
            command = f"banyan kb load {SAMPLE_FOLDER} --kb {SAMPLE_NAME} --key KEY"
            progress.note(f"requests need a key, so the sample is left to `{command}`")
            return
        samples = {SAMPLE_NAME: SAMPLE_FOLDER}
        if any(each["id"] == _READS_CHINESE for each in platform.get("/v1/models")["data"]):
            samples[CHINESE_NAME] = CHINESE_FOLDER
        for name, folder in samples.items():
            with progress.step(f"the sample knowledge base {name} is loaded"):
                loaded = load_files(platform, find_files(folder).files, name, lambda done: None)
            if loaded.refused:
                raise ArtifactError(f"the sample is damaged: {loaded.refused[0]}")
