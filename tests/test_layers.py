"""Imports point one way: down the pipeline, a file may import only what stands above it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cirkit

PACKAGE = Path(cirkit.__file__).parent
LAYERS = [
    {"errors", "files", "compat"},
    {"query"},
    {"augment"},
    {"worlds"},
    {"benchmarks"},
    {"alignment"},
    {"attention", "positions"},
    {"models.base"},
    {"encoders"},
    {"models"},
    {"losses", "semi_hard"},
    {"train"},
    {"index", "measures"},
    {"evaluate"},
    {"declare"},
    {"checkpoints"},
    {"attending"},
    {"exhibits"},
    {"word_attention", "part_attention"},
    {"records"},
    {"claims"},
    {"search"},
    {"papers"},
    {"show"},
    {"pictures", "subsets"},
    {"drawn_attention", "drawn_answers"},
    {"explorers"},
    {"plain_maaf"},
    {"verify", "doctor", "bench", "pages", "plan", "remake"},
    {"cli"},
    {"__main__"},
]


def layer(module: str) -> int:
    parts = module.split(".")[1:]
    for depth in (2, 1):
        for height, names in enumerate(LAYERS):
            if ".".join(parts[:depth]) in names:
                return height
    raise AssertionError(f"{module} has no layer; give it one")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cirkit"):
            found |= {f"{node.module}.{a.name}" if node.module == "cirkit" else node.module for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.startswith("cirkit.")}
    return found - {"cirkit.__version__"}


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_upwards(path):
    here = "cirkit." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    wrong = [name for name in imports(path) if layer(name) > layer(here)]
    assert not wrong, f"{here} imports what stands below it: {wrong}"


def test_training_and_evaluation_import_with_torch_and_numpy_alone():
    heavy = ["faiss", "open_clip", "transformers", "timm", "anywidget", "jupytext", "papermill", "pandas", "seaborn"]
    code = f"import sys, cirkit.papers.maaf, cirkit.records; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_line_answers_before_torch_is_imported():
    code = "import sys, cirkit.cli; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
