"""From a config file to a `Config`: the one door of this room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from mlcli.config.environment import expand
from mlcli.config.keys import join_key, split_key
from mlcli.config.model_forms import spelled_out
from mlcli.config.names import check_names
from mlcli.config.overrides import apply_overrides, override_place
from mlcli.config.problems import explain
from mlcli.config.sections import Config
from mlcli.config.sources import read_sources, written_only
from mlcli.config.tree import Entries, Problem, find, leaves, plain_values, pointed
from mlcli.config.yaml_nodes import read_yaml
from mlcli.errors import ConfigError

MAX_PROBLEMS = 100
"""Most problems that one error tells."""


@dataclass(frozen=True)
class LoadedConfig:
    """A config and where it came from.

    Parameters
    ----------
    config : Config
        The config; its name is the file's stem where none was given.
    path : Path
        The file, as the user named it.
    base : Path
        Folder that the paths in `config` are relative to.
    written : mapping of str to str
        What stood in the file, by dotted key, where the environment was put
        in: what to store instead of a secret such as the password in `data.url`.
    """

    config: Config
    path: Path
    base: Path
    written: Mapping[str, str] = field(default_factory=dict)
    tree: Entries | None = field(default=None, repr=False, compare=False)

    def place(self, dotted: str) -> str:
        """Return where the value of a dotted key was written, for a message.

        ``configs/credit.yaml:9:9: preprocess.number.scale``; with the
        override where one gave the value, and with the file alone where the
        value is a default.

        Raises
        ------
        ValueError
            If `dotted` is no dotted key.
        """
        key = split_key(dotted)
        entry = find(self.tree, key) if self.tree is not None else None
        where = pointed(entry) if entry is not None else self.path
        return f"{where}: {join_key(key)}"


def load_config(path: Path, *, overrides: Sequence[str] = (), environ: Mapping[str, str]) -> LoadedConfig:
    """Read, merge and check a config file.

    Parameters
    ----------
    path : Path
        The YAML file.
    overrides : sequence of str
        ``key.path=value`` each, as ``--set`` takes them; a later one wins.
    environ : mapping of str to str
        The environment that ``${NAME}`` reads.

    Returns
    -------
    LoadedConfig
        The config with its places.

    Raises
    ------
    ConfigError
        With every problem found, one a line, each with its place.
    """
    problems: list[Problem] = []
    tree, files = read_sources(path, environ=environ, problems=problems)
    tree = written_only(apply_overrides(tree, overrides, environ, problems))
    config = _judged(tree, problems, [*files, *(override_place(text).source for text in overrides)])
    if not config.name:
        config = config.model_copy(update={"name": name_of(path)})
    return LoadedConfig(config=config, path=path, base=path.parent, written=_written(tree), tree=tree)


def parse_config(text: str, *, name: str, overrides: Sequence[str] = ()) -> Config:
    """Read a config that was stored complete, as `render_config` writes it.

    Nothing beside `text` and `overrides` is read: ``extends`` is no key here,
    and ``${NAME}`` stays as it stands.

    Parameters
    ----------
    text : str
        The YAML text.
    name : str
        What the text is, as problems name it.
    overrides : sequence of str
        ``key.path=value`` each, as ``--set`` takes them; a later one wins.

    Returns
    -------
    Config
        The config.

    Raises
    ------
    ConfigError
        With every problem found, one a line, each with its place.
    """
    problems: list[Problem] = []
    tree = expand(read_yaml(text, source=name, problems=problems), None, problems)
    assert isinstance(tree, Entries)  # an expansion keeps the shape
    tree = apply_overrides(spelled_out(tree), overrides, {}, problems)
    return _judged(written_only(tree), problems, [name, *(override_place(text).source for text in overrides)])


def name_of(path: Path) -> str:
    """Return the name of the runs of a config file that gives none: its stem, where it can be one."""
    kept = (char if char.isalpha() or char.isdecimal() or char in "_.- " else "-" for char in path.stem)
    return "".join(kept).strip(" .-")[:100].strip(" .-") or "config"


def _judged(tree: Entries, problems: list[Problem], sources: Sequence[str]) -> Config:
    """Return the config that `tree` says, or raise all its problems with those found before."""
    config: Config | None = None
    try:
        config = Config.model_validate(plain_values(tree))
    except ValidationError as error:
        problems = [*problems, *explain(error, tree)]
    problems = [*problems, *check_names(tree)]
    if problems or config is None:
        raise _config_error(problems, sources)
    return config


def _written(tree: Entries) -> dict[str, str]:
    return {join_key(key): leaf.written for key, leaf in leaves(tree) if leaf.written is not None}


def _config_error(problems: Sequence[Problem], sources: Sequence[str]) -> ConfigError:
    order = {source: rank for rank, source in reversed(list(enumerate(sources)))}
    # One place tells its first problem only: what follows from it would be noise.
    distinct: dict[object, Problem] = {}
    for problem in problems:
        distinct.setdefault((problem.place, problem.key, "" if problem.place.line else problem.text), problem)
    told = sorted(
        distinct.values(), key=lambda p: (order.get(p.place.source, len(order)), p.place.line, p.place.column, p.key)
    )
    lines = [str(problem) for problem in told[:MAX_PROBLEMS]]
    if len(told) > MAX_PROBLEMS:
        lines.append(f"... and {len(told) - MAX_PROBLEMS} more problems")
    hint = told[0].hint if len(told) == 1 else None
    return ConfigError("\n".join(lines), hint=hint or "`mlcli schema` describes every key.", problems=lines)
