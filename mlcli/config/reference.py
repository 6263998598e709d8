"""The reference of every key, as Markdown, made from the classes.

``python -m mlcli.config.reference > docs/config.md`` writes it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from pydantic.fields import FieldInfo

from mlcli.config.fields import section_of, shape_of, walk_sections
from mlcli.config.keys import Key, join_key
from mlcli.config.render import scalar_text
from mlcli.config.section import Section

_INTRODUCTION = """\
# The config file

One YAML file says everything about a model. Only `data.path` (or `data.url`), `data.target` and `model.name` must
be given; every other key has the default shown here. `mlcli init DATA --target COLUMN` writes a file to start from,
`mlcli check --config FILE` reads it without training, and `mlcli schema` prints its JSON Schema for editors.

## How it is read

- YAML 1.2, UTF-8, one document, at most 1 MiB. `yes`, `no`, `on` and `off` are texts: write `true` or `false`.
  Dates, `12:30`, `1_000` and `0123` are texts too. A key that stands twice is an error, and so is any tag but those
  of plain values: a config can never import or run anything.
- A key that is not known is an error. All problems are told at once, each with its file, line and column:
  `configs/credit.yaml:9:13: preprocess.number.scal: unknown key - did you mean 'scale'?`
- A section, list or mapping without a value (all its lines commented out) has its default.
- Paths are relative to the config file that names them, those given by `--set` to the config file as well.
- `extends: base.yaml` lays this file upon another: mappings are merged, anything else is replaced. Paths in the other
  file stay relative to it. Where this file names another model, the other's `model.params` and `tune.space` are not
  inherited.
- `model: svm` is short for `model: {name: svm}`, and `model: [svm, {name: mlp, params: {alpha: 1.0}}]` for
  `model: {name: auto, candidates: [...]}`: a list to choose from.
- `${NAME}` is replaced by an environment variable, `${NAME:-default}` by the default where it is not set; `$${` is the
  text `${`. A value that is nothing but one `${NAME}`, without quotes, is read as YAML reads a scalar, so that numbers
  work. What is put in is never more than one scalar.
- `--set key.path=value` on the command line sets any key: `--set model.params.C=0.1`, `--set 'data.drop=[a, b]'`. A part
  of a key that holds a dot stands in double quotes: `--set 'data.columns."a.b"=text'`.

"""


def render_reference() -> str:
    """Return the reference of every key of a config as Markdown."""
    return _INTRODUCTION + "\n".join(line for key, section in walk_sections() for line in _section(key, section))


def _section(key: Key, section: type[Section]) -> Iterator[str]:
    yield f"## `{join_key(key)}`" if key else "## Top level"
    yield ""
    yield (section.__doc__ or "").strip()
    yield ""
    yield "| Key | Type | Default | Meaning |"
    yield "|---|---|---|---|"
    if not key:
        yield "| `extends` | text | none | Another config file that this one is laid upon. |"
    for name, field in section.model_fields.items():
        below = section_of(field)
        if below is not None:
            anchor = join_key((*key, name)).replace(".", "")
            optional = "none" if field.get_default(call_default_factory=True) is None else "its defaults"
            kind, default = f"[section](#{anchor})", "required" if field.is_required() else optional
        else:
            kind, default = _cell(shape_of(field).phrase()), _default(field)
        yield f"| `{name}` | {kind} | {default} | {_cell(field.description or '')} |"
    yield ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if default is None or default == "":
        return "none"
    if isinstance(default, tuple):
        return f"`[{', '.join(scalar_text(item) for item in default)}]`"
    return f"`{default if isinstance(default, dict) else scalar_text(default)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(render_reference())
