"""Options that several commands share, and the flags after ``--`` that go to Beam."""

from __future__ import annotations

from typing import Annotated

import typer

from berth.errors import UsageError

Output = Annotated[str, typer.Option("--output", metavar="DIR", help="Output directory, local or gs://.")]
Articles = Annotated[
    str, typer.Option("--articles", metavar="DIR", help="Directory that `berth extract` or `berth filter` made.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Everything random is derived from it.")]
Text = Annotated[
    list[str],
    typer.Option("--text", metavar="'GLOB'", help="Sentence shards: one sentence a line, blank lines between."),
]
Vocab = Annotated[str, typer.Option("--vocab", metavar="FILE", help="Vocabulary, one entry a line.")]
Language = Annotated[str, typer.Option("--language", metavar="CODE", help="ISO 639-1 code of the text.")]
Records = Annotated[list[str], typer.Option("--records", metavar="'GLOB'", help="TFRecord files.")]
RecipeName = Annotated[str, typer.Argument(metavar="RECIPE", help="A YAML file, or the name of an installed recipe.")]
Set = Annotated[
    list[str], typer.Option("--set", metavar="KEY.PATH=VALUE", help="Override one value of the recipe; repeatable.")
]

# Commands that run a Beam job take its flags after `--`.
BEAM = {"allow_extra_args": True, "ignore_unknown_options": False}
BEAM_HELP = "Flags after `--` go to Beam unchanged, e.g. `-- --runner=DataflowRunner --project=P`."


def beam_arguments(context: typer.Context) -> list[str]:
    """The flags for Beam. Raises UsageError for a stray word, which is no flag."""
    for argument in context.args[:1]:
        if not argument.startswith("-"):
            raise UsageError(
                "an argument is not understood", found=argument, fix=f"See `{context.command_path} --help`. {BEAM_HELP}"
            )
    return list(context.args)
