"""What a started platform says: where it answers, and one command to try each part."""

from services.cli.platform.broker import embedded_bootstrap
from services.cli.platform.run_file import Run
from services.cli.settings import PlatformSettings

_EXAMPLES = {
    "backbone": (
        "curl {url}/v1/embeddings -H 'content-type: application/json' "
        '-d \'{{"model": "embed", "input": "hello"}}\''
    ),
    "support": 'banyan ask "my card has not arrived yet"',
    "sentiment": 'banyan analyze "Reliance gains while Infosys tumbles"',
    "recommendation": "banyan rank visitor --click kitchen-07",
}


def welcome(settings: PlatformSettings, run: Run) -> str:
    """The addresses and examples, in rich's markup."""
    lines = [f"\n[bold]Banyan answers at {run.url}[/bold]   (Ctrl-C stops it)\n"]
    for name, prefix in run.applications.items():
        lines.append(f"  {name:<14} {run.url}{prefix}/docs")
        if example := _EXAMPLES.get(name):
            lines.append(f"                 [cyan]{example.format(url=run.url)}[/cyan]")
    if bootstrap := embedded_bootstrap(run):
        lines.append(f"  {'broker':<14} {bootstrap}   (embedded, in memory)")
        if "sentiment" in run.applications:
            lines.append("                 [cyan]banyan sentiment watch[/cyan]")
    lines.append(f"\n  state          {settings.state_dir}")
    lines.append(f"  logs           {run.run_dir}/ray/session_latest/logs")
    if not settings.is_local:
        lines.append("  keys           needed by every request: `banyan keys list`")
    return "\n".join(lines) + "\n"
