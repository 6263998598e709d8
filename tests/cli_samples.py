"""Small tables and configs for the tests of the command line."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from mlcli.cli.boundary import run

CONFIG = """\
name: demo
output: {output}
data:
  path: {path}
  target: {target}
  id: [id]
{data}model:
  name: {model}
{params}evaluate:
  resamples: 100
{rest}"""


def table(n_rows: int = 120) -> str:
    """Return a CSV in which age tells churn most of the time."""
    chance = random.Random(0)
    lines = ["id,age,city,date,churn"]
    for row in range(n_rows):
        age = chance.randint(18, 80)
        churn = "yes" if age + chance.gauss(0, 12) > 50 else "no"
        city = chance.choice(["Rome", "Oslo", "Bern"])
        lines.append(f"{row},{age},{city},2024-{row % 12 + 1:02d}-{row % 28 + 1:02d},{churn}")
    return "\n".join(lines) + "\n"


GOOD = table()


@dataclass(frozen=True)
class Desk:
    """A folder in which somebody works with mlcli.

    Parameters
    ----------
    folder : Path
        Holds ``good.csv`` and whatever a test puts there.
    trained : Path
        A run folder of another desk, trained on the same table.
    """

    folder: Path
    trained: Path = field(default=Path("none"))

    def put(self, name: str, content: str | bytes) -> str:
        """Write a file and return its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def config(
        self,
        path: str = "good.csv",
        *,
        target: str = "churn",
        model: str = "dummy",
        data: str = "",
        params: str = "",
        rest: str = "",
        output: str = "runs",
    ) -> str:
        """Write a config and return its path; `data`, `params` and `rest` are lines of their sections."""
        text = CONFIG.format(path=path, target=target, model=model, data=data, params=params, rest=rest, output=output)
        return self.put("c.yaml", text)

    def content(self) -> dict[str, bytes | None]:
        """Return every file with its bytes, and every folder."""
        return {
            str(place.relative_to(self.folder)): place.read_bytes() if place.is_file() else None
            for place in sorted(self.folder.rglob("*"))
        }


def desk(folder: Path, *, trained: Path = Path("none")) -> Desk:
    """Return a desk in an existing folder, with the good table on it."""
    made = Desk(folder, trained)
    made.put("good.csv", GOOD)
    return made


def trained_run(folder: Path) -> Path:
    """Train the demo model in `folder` and return its run."""
    config = desk(folder).config(model="logistic_regression")
    assert run(["train", "--config", config, "--quiet", "--json"]) == 0
    return folder / "runs" / "001"


def command_lines(at: Desk) -> dict[str, list[str]]:
    """Return a command line that ends well, for every command."""
    config = at.config()
    model = ["--artifact", str(at.trained)]
    good = str(at.folder / "good.csv")
    return {
        "init": ["init", good, "--target", "churn"],
        "check": ["check", "--config", config],
        "preprocess": ["preprocess", "--config", config],
        "train": ["train", "--config", config],
        "evaluate": ["evaluate", *model],
        "compare": ["compare", str(at.trained), str(at.trained)],
        "report": ["report", *model, "--output", str(at.folder / "report.html")],
        "predict": ["predict", *model, good],
        "serve": ["serve", *model, "--check"],
        "package": ["package", *model, "--output", str(at.folder / "context")],
        "inspect": ["inspect", str(at.trained)],
        "models": ["models", "ridge"],
        "schema": ["schema"],
        "runs": ["runs", str(at.trained.parent)],
        "runs prune": ["runs", "prune", str(at.trained.parent), "--dry-run"],
    }
