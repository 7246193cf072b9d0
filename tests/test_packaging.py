"""What must never happen to the package, and what a wheel must carry."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_folder_kfp_is_not_a_package():
    assert not (ROOT / "kfp" / "__init__.py").exists()  # it would shadow the SDK


def test_the_sdk_is_importable_from_the_root_of_the_project():
    command = [sys.executable, "-c", "import kfp; print(kfp.__file__)"]
    where = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "site-packages" in where


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    directory = tmp_path_factory.mktemp("wheel")
    # A copy, since building leaves a build/ behind, and an old one there would get into the wheel.
    unwanted = shutil.ignore_patterns(".*", "build", "*.egg-info", "workspace", "__pycache__", "tests")
    shutil.copytree(ROOT, directory / "source", ignore=unwanted)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory, directory / "source"]
    subprocess.run(command, check=True, capture_output=True)
    return next(directory.glob("berth-*.whl"))


def test_a_wheel_holds_no_package_called_kfp_and_everything_a_run_needs(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.startswith("kfp/")]
    tracked = [
        *(f"berth_recipes/{path.name}" for path in (ROOT / "recipes").glob("*.yaml")),
        *(f"berth_recipes/{path.relative_to(ROOT / 'recipes')}" for path in (ROOT / "recipes").rglob("*.tsv")),
        *(f"berth_dags/{path.name}" for path in (ROOT / "kfp").glob("*.py")),
        *(f"berth_k8s/{path.relative_to(ROOT / 'k8s')}" for path in (ROOT / "k8s").rglob("*.yaml")),
        *(
            str(path.relative_to(ROOT))
            for package in ("berth", "pipelines", "trainer", "components")
            for path in (ROOT / package).rglob("*")
            if path.suffix in {".py", ".html", ".css"}
        ),
    ]
    assert sorted(set(tracked) - set(names)) == []


def test_a_wheel_works_in_an_empty_directory(wheel, tmp_path):
    """The console script's code from the wheel alone, with this environment's libraries but not this checkout."""
    unpacked = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(unpacked)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import berth_dags.pretrain, berth, berth.recipe.file as f; "
        "print(berth.__file__); print(berth_dags.pretrain.__file__); print(f.load('quickstart').name)"
    )
    # -S -P would lose the libraries; the editable install's finder is removed instead.
    code = "import sys; sys.meta_path[:] = [m for m in sys.meta_path if 'editable' not in repr(m)]; " + code
    run = subprocess.run(
        [sys.executable, "-c", code, str(unpacked)], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    here, dags, name = run.stdout.split()
    assert here.startswith(str(unpacked)) and dags.startswith(str(unpacked)) and name == "quickstart"


def test_every_module_has_a_layer():
    """import-linter does not check modules that no layer names, and can demand completeness within one package only."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in settings if contract["name"] == "Layers")
    named = {name for layer in layers for name in layer.split(" | ")}
    files = [*(ROOT / "berth").glob("*.py"), *(path.parent for path in (ROOT / "berth").glob("*/__init__.py"))]
    modules = {f"berth.{path.stem}" for path in files}
    dags = {f"berth_dags.{path.stem}" for path in (ROOT / "kfp").glob("*.py")}
    assert named - {"components", "pipelines", "trainer"} == (modules | dags) - {"berth.__init__"}


def test_help_imports_no_heavy_library():
    code = "import sys, berth.app.cli; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(run.stdout.split())
    assert not loaded & {"tensorflow", "keras", "apache_beam", "kfp", "numba", "numpy", "pyarrow", "bokeh", "nltk"}


def test_pinned_versions_are_plain_lines():
    lines = (ROOT / "constraints.txt").read_text().split("\n")
    assert all(not line or line.startswith("#") or len(line.split("==")) == 2 for line in lines)
    assert "://" not in "".join(lines)


def test_the_console_script_prints_its_version():
    run = subprocess.run([str(Path(sys.executable).parent / "berth"), "--version"], check=True, capture_output=True)
    assert run.stdout.startswith(b"berth 0.")
