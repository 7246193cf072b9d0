"""Options of a command generated from the recipe's sections: name, type, choices, range, default and help of each key.

A key has one definition, its line in berth/recipe; so `berth records --help`, `berth schema` and a recipe agree.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from berth.errors import UsageError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from berth.recipe import Section

TYPES: dict[str, type] = {"integer": int, "number": float, "boolean": bool, "string": str}
NUMBERS = {"integer": "N", "number": "X"}
LIMITS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


@dataclass(frozen=True)
class Flag:
    """Name and value of an option where they do not follow from the key.

    Attributes:
        names: The option's names for typer; by default ``--the-key``.
        metavar: Placeholder of the value; by default the choices or the range.
        separator: For a list that is given as one text, the separator of its items ("" for single characters). Other
            lists are given by repeating the option.
    """

    names: str = ""
    metavar: str = ""
    separator: str | None = None


FLAGS = {
    "corpus.language": Flag(metavar="CODE"),
    "corpus.sources.text_field": Flag(metavar="NAME"),
    "corpus.sources.id_field": Flag(metavar="NAME"),
    "corpus.sources.title_field": Flag(metavar="NAME"),
    "corpus.sources.language_field": Flag(metavar="NAME"),
    "corpus.sources.wrapped": Flag("--wrapped"),
    "corpus.filter.languages": Flag("--language", "CODE"),
    "corpus.filter.urls": Flag(metavar="TOKEN"),
    "corpus.filter.user_names": Flag(metavar="TOKEN"),
    "segmentation.punkt": Flag(metavar="corpus|NAME|DIR"),
    "segmentation.sentence_end_characters": Flag(metavar="CHARACTERS", separator=""),
    "vocabulary.lower_case": Flag("--lower-case/--cased"),
    "fine_tuning.data": Flag(metavar="DIR"),
    "fine_tuning.fields": Flag(metavar="A[,B]", separator=","),
    "fine_tuning.label_field": Flag(metavar="NAME"),
    "export.formats.0": Flag("--format"),
}
# Keys without an option: other arguments of the command say the same, or they concern whole runs.
NOT_OPTIONS = {"vocabulary.path", "vocabulary.expected", "fine_tuning.every_steps"}


class SectionCommand(TyperCommand):
    """A command decorated with :func:`from_recipe`. Its options are generated on first use, not for `berth --help`."""

    @functools.cached_property
    def _whole(self) -> TyperCommand:
        app = typer.Typer(add_completion=False)
        app.command()(getattr(self.callback, "expanded")())  # noqa: B009  mypy knows no attributes of functions
        return typing.cast(TyperCommand, typer.main.get_command(app))

    def get_params(self, ctx: Any) -> list[Any]:
        """The command's own parameters and the generated ones, in the order of the function's."""
        return self._whole.get_params(ctx)

    def invoke(self, ctx: Any) -> Any:
        """Call the function with its own arguments and the validated sections and values."""
        return self._whole.invoke(ctx)


def from_recipe(**paths: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Generate options of a command (``cls=SectionCommand``) from keys of the recipe.

    Args:
        paths: Key path by parameter of the function. For a single key (`corpus.language`), the parameter is the value
            of one option. For a section (`records`), there is one option per key, and the parameter is the section,
            validated. Names of record sets and tasks are omitted from paths; 0 is an item of a list.

    Example::

        @from_recipe(options="records", seed="seed")
        def records(text: Text, output: Output, options: RecordSet, seed: int) -> None: ...
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def command(*arguments: Any, **values: Any) -> None:
            function(*arguments, **values)

        # Until the command is used, typer sees a function without parameters.
        command.__annotations__ = {}
        vars(command).update(
            __signature__=inspect.Signature(), expanded=functools.partial(_expanded, function, dict(paths))
        )
        return command

    return decorate


def _expanded(function: Callable[..., None], paths: Mapping[str, str]) -> Callable[..., None]:
    """The function with one parameter per option, for typer."""
    arguments = {name: _Argument.of(path) for name, path in paths.items()}

    def command(**values: Any) -> None:
        for name, argument in arguments.items():
            given = {key: values.pop(key if argument.is_section else name) for key in argument.keys}
            values[name] = argument.read(given)
        function(**values)

    own = inspect.signature(function).parameters
    hints = _own_hints(function, set(own) - set(paths))
    parameters: list[inspect.Parameter] = []
    for name, parameter in own.items():
        if name in arguments:
            parameters += arguments[name].parameters(name)
        else:
            parameters.append(
                parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints.get(name, parameter.annotation))
            )
    command.__doc__ = function.__doc__
    command.__annotations__ = {}
    vars(command)["__signature__"] = inspect.Signature(parameters)
    return command


def _own_hints(function: Callable[..., None], names: set[str]) -> dict[str, Any]:
    """The evaluated annotations of some parameters. Others may name types that are imported for type checkers only."""

    def own() -> None: ...

    own.__annotations__ = {name: hint for name, hint in function.__annotations__.items() if name in names}
    return typing.get_type_hints(own, globalns=function.__globals__, include_extras=True)


@dataclass(frozen=True)
class _Argument:
    """An argument that is a section of the recipe or (not ``is_section``) the value of a single key."""

    section: type[Section]
    is_section: bool
    keys: Mapping[str, _Option]

    @classmethod
    def of(cls, path: str) -> _Argument:
        from berth.recipe.keys import section_at

        *parents, key = path.removesuffix(".0").split(".")
        whole = section_at([*parents, key])
        section = whole or section_at(parents)
        assert section is not None, path
        schemas = section.model_json_schema()["properties"]
        if whole is None:
            return cls(section, False, {key: _Option(key, schemas[key], path)})
        options = [_Option(name, schema, f"{path}.{name}") for name, schema in schemas.items()]
        return cls(section, True, {option.key: option for option in options if option.path not in NOT_OPTIONS})

    def parameters(self, name: str) -> Iterator[inspect.Parameter]:
        """The parameters for typer, one per option."""
        for key, option in self.keys.items():
            yield option.parameter(key if self.is_section else name)

    def read(self, given: Mapping[str, Any]) -> Any:
        """The argument from the values of its options.

        Raises:
            UsageError: for the first invalid value; names the option.
        """
        from pydantic import TypeAdapter, ValidationError

        values = {key: self.keys[key].read(value) for key, value in given.items()}
        try:
            if self.is_section:
                return self.section(**values)
            [(key, value)] = values.items()
            field = self.section.model_fields[key]
            whole: TypeAdapter[Any] = TypeAdapter(typing.cast(Any, Annotated[field.annotation, field]))
            if self.keys[key].is_item:
                return whole.validate_python([value], strict=True)[0]
            return whole.validate_python(value, strict=True)
        except ValidationError as error:
            raise self._refused(error) from error

    def _refused(self, error: ValidationError) -> UsageError:
        from berth.recipe.keys import expectation

        problem = error.errors(include_url=False)[0]
        if problem["type"] == "value_error":
            return UsageError(str(problem["ctx"]["error"]))
        key = next((str(part) for part in problem["loc"] if part in self.keys), next(iter(self.keys)))
        return UsageError(
            "invalid value",
            where=self.keys[key].names.split("/")[0],
            found=repr(problem["input"]),
            expected=expectation(problem),
        )


@dataclass(frozen=True)
class _Option:
    """The option of one key.

    Attributes:
        key: Name of the key.
        schema: JSON Schema of the key.
        path: Path of the key in a recipe.
    """

    key: str
    schema: Mapping[str, Any]
    path: str

    @property
    def flag(self) -> Flag:
        return FLAGS.get(self.path, Flag())

    @property
    def names(self) -> str:
        """The option's names, as typer takes them."""
        if self.flag.names:
            return self.flag.names
        name = self.key.replace("_", "-")
        return f"--{name}/--no-{name}" if self.kind.get("type") == "boolean" else f"--{name}"

    @property
    def is_item(self) -> bool:
        """Whether the key is a list of which the option is one item."""
        return self.path.endswith(".0")

    @property
    def kind(self) -> Mapping[str, Any]:
        """The schema of one value, without null; for a list, of one item."""
        from berth.recipe.keys import not_null

        schema = not_null(self.schema)
        return typing.cast(Mapping[str, Any], schema["items"]) if schema.get("type") == "array" else schema

    @property
    def is_list(self) -> bool:
        """Whether the option repeats."""
        from berth.recipe.keys import not_null

        return not_null(self.schema).get("type") == "array" and self.flag.separator is None and not self.is_item

    def parameter(self, name: str) -> inspect.Parameter:
        """The function parameter from which typer makes the option."""
        kind: Any = TYPES[self.kind.get("type", "string")]
        default = self.schema.get("default", inspect.Parameter.empty)
        if self.is_list:
            kind, default = list[kind], default or []
        elif self.flag.separator is not None and isinstance(default, list):
            default = self.flag.separator.join(default)
        elif self.is_item:
            default = default[0]
        option = typer.Option(
            self.names,
            metavar=self.flag.metavar or self._metavar(),
            help=" ".join(self.schema.get("description", "").split()),
        )
        return inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[kind if default is not None else kind | None, option],
        )

    def read(self, value: Any) -> Any:
        """The key's value from the option's."""
        if self.is_list:
            return value or self.schema.get("default")
        if self.flag.separator is None or value is None:
            return value
        return value.split(self.flag.separator) if self.flag.separator else list(value)

    def _metavar(self) -> str | None:
        """The choices (`a|b`) or the range of a number (`N>=5`, `X>0,<1`); None for typer's default."""
        kind = self.kind
        if choices := kind.get("enum", [kind["const"]] if "const" in kind else None):
            return "|".join(map(str, choices))
        if (letter := NUMBERS.get(kind.get("type", ""))) is None:
            return None
        return letter + ",".join(f"{sign}{kind[key]:g}" for key, sign in LIMITS.items() if key in kind)
