"""What the classes in `sections` say about each key, for messages and for documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from mlcli.config.keys import Key
from mlcli.config.section import Section
from mlcli.config.sections import Config

_Bound = TypeVar("_Bound")


@dataclass(frozen=True)
class Bounds:
    """Limits of a number or of a text's length; None where there is none."""

    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None

    @classmethod
    def of(cls, metadata: Sequence[Any]) -> Bounds:
        """Collect the limits that pydantic keeps beside a type."""
        names = cls.__dataclass_fields__
        found = {
            name: getattr(item, name) for item in metadata for name in names if getattr(item, name, None) is not None
        }
        return cls(**found)

    def admit(self, number: float) -> bool:
        """Say whether `number` keeps the limits."""
        return (
            (self.gt is None or number > self.gt)
            and (self.ge is None or number >= self.ge)
            and (self.lt is None or number < self.lt)
            and (self.le is None or number <= self.le)
        )

    def phrase(self) -> str:
        """Say the limits of a number: `` above 0 and below 1``."""
        words = [("above", self.gt), ("at least", self.ge), ("below", self.lt), ("at most", self.le)]
        said = " and ".join(f"{word} {limit:,}" for word, limit in words if limit is not None)
        return f" {said}" if said else ""


@dataclass(frozen=True)
class Shape:
    """A type of a key, taken apart.

    Parameters
    ----------
    types : tuple of type
        Scalar types that it takes, of bool, int, float, str and object (any).
    literals : tuple of str
        The names that it takes, where only these are.
    items : Shape, optional
        The items, where it takes a list.
    values : Shape, optional
        The values, where it takes a mapping of free keys.
    nullable : bool
        Whether it may be left empty.
    bounds : Bounds
        Limits of a number or a text.
    """

    types: tuple[type, ...] = ()
    literals: tuple[str, ...] = ()
    items: Shape | None = None
    values: Shape | None = None
    nullable: bool = False
    bounds: Bounds = Bounds()

    def phrase(self) -> str:
        """Say what is taken: ``a number above 0``, ``text or a list of texts``."""
        parts = []
        if self.literals:
            parts.append(
                f"one of {', '.join(self.literals)}" if len(self.literals) > 1 else f"the word {self.literals[0]}"
            )
        if str in self.types:
            parts.append(self._text_phrase())
        if float in self.types:
            parts.append("a number" + self.bounds.phrase())
        elif int in self.types:
            parts.append("a whole number" + self.bounds.phrase())
        if bool in self.types:
            parts.append("true or false")
        if self.items is not None:
            parts.append("a list of " + self.items.plural())
        if self.values is not None:
            parts.append("a mapping of names to " + self.values.plural())
        return " or ".join(parts) if len(parts) < 3 else ", ".join(parts[:-1]) + " or " + parts[-1]

    def plural(self) -> str:
        """Say what several of these are called."""
        if object in self.types:
            return "values"
        if self.literals:
            return f"any of {', '.join(self.literals)}"
        if len(self.types) > 1:
            return "labels"
        if isinstance(self.types[0], type) and issubclass(self.types[0], Section):
            return "mappings with " + " and ".join(self.types[0].model_fields)
        words = {str: "texts", float: "numbers", int: "whole numbers", bool: "true or false"}
        return words[self.types[0]] + (self.bounds.phrase() if self.types[0] is not str else "")

    def _text_phrase(self) -> str:
        bounds = self.bounds
        if bounds.pattern is not None:
            return (
                "text that starts with a letter or digit and holds letters, digits, '_', '-', '.' and spaces, "
                f"at most {bounds.max_length} characters"
            )
        if bounds.max_length == 1:
            return "one character"
        return "text"


@cache
def shape_of(field: FieldInfo) -> Shape:
    """Take the type of a key apart."""
    return _shape(field.annotation, tuple(field.metadata))


def _shape(annotation: Any, metadata: tuple[Any, ...] = ()) -> Shape:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *extra = get_args(annotation)
        found = [m for item in extra for m in (item.metadata if isinstance(item, FieldInfo) else [item])]
        return _shape(inner, (*metadata, *found))
    if origin in {Union, UnionType}:
        return _joined([_shape(part, metadata) for part in get_args(annotation)])
    if origin is Literal:
        return Shape(literals=tuple(str(name) for name in get_args(annotation)))
    if origin is tuple:
        return Shape(items=_shape(get_args(annotation)[0]))
    if origin is dict:
        return Shape(values=_shape(get_args(annotation)[1]))
    if annotation is NoneType:
        return Shape(nullable=True)
    return Shape(types=(object if annotation is Any else annotation,), bounds=Bounds.of(metadata))


def _joined(shapes: Sequence[Shape]) -> Shape:
    def first(values: Iterator[_Bound | None]) -> _Bound | None:
        return next((value for value in values if value is not None), None)

    return Shape(
        types=tuple(t for shape in shapes for t in shape.types),
        literals=tuple(name for shape in shapes for name in shape.literals),
        items=first(shape.items for shape in shapes),
        values=first(shape.values for shape in shapes),
        nullable=any(shape.nullable for shape in shapes),
        bounds=next((shape.bounds for shape in shapes if shape.types), Bounds()),
    )


def section_of(field: FieldInfo) -> type[Section] | None:
    """Return the section that a key holds, or None."""
    annotation = field.annotation
    # A section that may be left out altogether is a union with None.
    parts = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    return next((part for part in parts if isinstance(part, type) and issubclass(part, Section)), None)


def walk_sections(section: type[Section] = Config, key: Key = ()) -> Iterator[tuple[Key, type[Section]]]:
    """Yield every section with its place, from the top."""
    yield key, section
    for name, field in section.model_fields.items():
        below = section_of(field)
        if below is not None:
            yield from walk_sections(below, (*key, name))


def field_at(key: Key) -> tuple[FieldInfo | None, Key]:
    """Return the field that `key` leads to and what is left of `key` below it.

    The field is None where a part of `key` is unknown.
    """
    section: type[Section] | None = Config
    field: FieldInfo | None = None
    for position, part in enumerate(key):
        if section is None:
            return field, key[position:]
        field = section.model_fields.get(part)
        if field is None:
            return None, key[position:]
        section = section_of(field)
    return field, ()


@cache
def owners() -> dict[str, tuple[Key, ...]]:
    """Return, for every key, the sections that it belongs under."""
    found: dict[str, tuple[Key, ...]] = {}
    for key, section in walk_sections():
        for name in section.model_fields:
            found[name] = (*found.get(name, ()), key)
    return found
