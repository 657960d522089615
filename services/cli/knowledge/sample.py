"""The sample knowledge base that a platform without any is given."""

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


def load_sample(run: Run, progress: Progress, *, key: str | None = None) -> None:
    """Loads the sample where the default tenant has no knowledge base at all.

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
        files = find_files(SAMPLE_FOLDER).files
        with progress.step(f"the sample knowledge base {SAMPLE_NAME} is loaded"):
            loaded = load_files(platform, files, SAMPLE_NAME, lambda done: None)
    if loaded.refused:
        raise ArtifactError(f"the sample is damaged: {loaded.refused[0]}")
