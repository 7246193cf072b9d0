"""Base class and common types of the recipe's sections."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    model_validator,
)


def _without_home(text: str) -> str:
    if text.startswith("~"):
        raise ValueError("~ is not written out here, since a recipe means the same for every user: give the whole path")
    return text


# Names become parts of file names (255 bytes) and of names in Kubernetes.
LONGEST_NAME = 63

FieldName = Annotated[str, Field(min_length=1)]
Location = Annotated[str, AfterValidator(_without_home)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$",
        max_length=LONGEST_NAME,
        description="lower-case letters, digits and single _",
    ),
]


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    def identity(self, *, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The keys that differ from their defaults, with JSON values: what a stage's digest covers of this section.

        Defaults are omitted so that a new key with a neutral default leaves all digests, and so all finished stages,
        as they are. Hence a default never changes unless every stage that reads the key raises its ``VERSION``: the
        digest does not show the change (docs/decisions/003-digest-without-defaults.md).

        Args:
            include: The only keys to cover, as pydantic's ``model_dump`` takes them.
            exclude: Keys that the stage's result does not depend on, likewise.
        """
        return self.model_dump(mode="json", include=include, exclude=exclude, exclude_defaults=True)

    @model_validator(mode="after")
    def _fits_64_bits(self) -> Section:
        """Refuse numbers that no array, file or process can hold; arithmetic with them ends in errors."""
        for key, value in self:
            if isinstance(value, int) and abs(value) >= 1 << 63:
                raise ValueError(f"{key} is a number beyond 64 bits")
        return self

    @classmethod
    def default(cls, key: str) -> Any:
        """The value of a key that :meth:`identity` omits."""
        return cls.model_fields[key].get_default(call_default_factory=True)


class Expected(Section):
    """Size and digests of a given file. They are checked before any work."""

    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="32 hexadecimal digits")] | None = None
    """MD5 of the file, as its publisher gives it."""
    sha1: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$", description="40 hexadecimal digits")] | None = None
    """SHA-1 of the file."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="64 hexadecimal digits")] | None = None
    """SHA-256 of the file."""
    bytes: PositiveInt | None = None
    """Size of the file in bytes."""

    @model_validator(mode="after")
    def _is_something(self) -> Expected:
        if self == Expected.model_construct():
            raise ValueError("nothing is expected: give md5, sha1, sha256 or bytes")
        return self
