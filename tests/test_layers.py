"""Imports point one way: down the pipeline, a file may import only what stands above it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cirkit

PACKAGE = Path(cirkit.__file__).parent
LAYERS = [
    {"errors"},
    {"files", "compat", "query"},
    {"declare"},
    {"examples", "regions"},
    {"benchmarks"},
    {"worlds"},
    {"attention"},
    {"models.base"},
    {"encoders"},
    {"models"},
    {"losses"},
    {"training"},
    {"synthesis"},
    {"evaluators"},
    {"experiments"},
    {"figures"},
    {"explorers"},
    {"papers"},
    {"search"},
    {"timing"},
    {"standalone"},
    {"pages", "doctor", "submit"},
    {"cli"},
    {"__main__"},
]
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def layer(module: str) -> int:
    parts = module.split(".")[1:]
    for depth in (2, 1):
        for height, names in enumerate(LAYERS):
            if ".".join(parts[:depth]) in names:
                return height
    raise AssertionError(f"{module} has no layer; give it one")


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(("cirkit", *(parts[:-1] if parts[-1] == "__init__" else parts)))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cirkit"):
            found |= {f"{node.module}.{a.name}" if node.module == "cirkit" else node.module for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.startswith("cirkit.")}
        assert not (isinstance(node, ast.ImportFrom) and node.level), "a relative import hides the direction"
    return found - {"cirkit.__version__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_upwards(path):
    here = module_of(path)
    wrong = [name for name in imports(path) if layer(name) > layer(here)]
    assert not wrong, f"{here} imports what stands below it: {wrong}"


def package_of(module: str) -> str:
    """The package a module lies in; the interface in `models.base` stands for itself, above the encoders."""
    return "models.base" if module == "cirkit.models.base" else module.split(".")[1]


def test_packages_form_one_line():
    """No two packages import each other, at any depth, deferred imports included."""
    above = {}
    for path in FILES:
        above.setdefault(package_of(module_of(path)), set()).update(package_of(name) for name in imports(path))
    for package, names in above.items():
        for name in names - {package}:
            assert package not in above.get(name, ()), f"{package} and {name} import each other"


@pytest.mark.parametrize("package", ["benchmarks", "encoders", "training"])
def test_readers_encoders_and_checkpoints_know_no_world(package):
    wrong = [p.name for p in (PACKAGE / package).rglob("*.py") if any(".worlds" in name for name in imports(p))]
    assert not wrong


def test_nothing_that_a_configuration_can_name_is_named_twice():
    """Fingerprints name things by module stem and qualified name."""
    named = {}
    for path in FILES:
        stem = module_of(path).rpartition(".")[2]
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                named.setdefault(f"{stem}.{node.name}", []).append(path)
    twice = {name: paths for name, paths in named.items() if len(paths) > 1 and ".__" not in name and "._" not in name}
    assert not twice


def test_training_and_evaluation_import_with_torch_and_numpy_alone():
    heavy = ["faiss", "open_clip", "transformers", "timm", "anywidget", "jupytext", "papermill", "pandas", "seaborn"]
    code = f"import sys, cirkit.papers.maaf, cirkit.experiments.run; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_line_answers_before_torch_is_imported():
    code = "import sys, cirkit.cli; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
