"""Train two variants of a recipe in one workspace and draw them on one page.

    python examples/compare_recipes.py quickstart --set optimizer.kind=adamw --set optimizer.kind=lamb

Both variants share the corpus, the vocabulary and the records: only training differs, so only training runs twice.
"""

import argparse
import json
import subprocess

from berth.stage.lineage import chain

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("recipe", help="a YAML file, or the name of an installed recipe")
parser.add_argument("--set", action="append", required=True, metavar="KEY.PATH=VALUE", help="one per variant")
parser.add_argument("--scale", choices=["tiny"], help="make the recipe small")
parser.add_argument("--workspace", default="workspace")
parser.add_argument("--output", default="comparison.html")
arguments = parser.parse_args()

reports = []
for change in arguments.set:
    command = ["berth", "run", arguments.recipe, "--set", change, "--workspace", arguments.workspace]
    if arguments.scale:
        command += ["--scale", arguments.scale]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    # One of the last lines is `report  WORKSPACE/report/DIGEST/report.html`.
    (page,) = [line.split()[-1] for line in printed.splitlines() if line.startswith("report ")]
    reports.append(page.removesuffix("/report.html"))

print(f"{'variant':<40} {'masked accuracy':>15} {'masked loss':>12}")
for change, report in zip(arguments.set, reports, strict=True):
    evaluation = chain(report).inputs["evaluate"].directory
    with open(f"{evaluation}/evaluation.json") as file:
        figures = json.load(file)
    print(f"{change:<40} {figures['masked_lm_accuracy']:>15.1%} {figures['masked_lm_loss']:>12.3f}")

subprocess.run(["berth", "report", *reports, "--output", arguments.output], check=True)
