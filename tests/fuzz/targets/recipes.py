"""Recipes: YAML files, the files that they extend, and overrides."""

from __future__ import annotations

from berth.errors import BerthError
from berth.recipe import Recipe
from berth.recipe import file as recipe_file
from fuzz.target import choice, parts, write

REFUSALS = (BerthError,)


def fuzz(data: bytes) -> None:
    """Whether it is scaled; then the recipe and, after lines `%%`, the file `base.yaml` and overrides, one a line."""
    number, content = choice(data)
    text, base, overrides = parts(content, 3)
    write("base.yaml", base)
    uri = write("recipe.yaml", text)
    given = [each for each in overrides.decode("utf-8", "surrogateescape").split("\n") if each]
    recipe = recipe_file.load(uri, given, scale="tiny" if number % 2 else "")
    same = Recipe.model_validate_json(recipe.model_dump_json())  # as the tasks of a pipeline get it
    assert same == recipe
