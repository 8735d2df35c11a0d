"""The torchvision guard: after it, the packages that need torchvision import."""

import subprocess
import sys

import pytest
import torch

from cirkit import compat


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_after_the_guard_timm_imports_and_a_second_call_says_the_same():
    says = run("from cirkit.compat import ensure_torchvision as e; a = e(); import timm; print(a, e(), timm.__name__)")
    first, second, name = says.split()
    assert first == second and first in {"native", "shim"} and name == "timm"


def test_an_error_that_is_not_about_operators_is_passed_on(monkeypatch, tmp_path):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text("raise RuntimeError('something else')")
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(compat, "_kept", [])
    with pytest.raises(RuntimeError, match="something else"):
        compat.ensure_torchvision()


def test_missing_operators_are_declared_once(tmp_path):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        "import torch\nfrom torch.library import register_fake\n"
        "register_fake('torchvision::nms')(lambda d, s, t: d)\nregister_fake('torchvision::qnms')(lambda d, s, t: d)\n"
    )
    says = run(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from cirkit.compat import ensure_torchvision as e; "
        "a = e(); b = e(); import torch; print(a, b, hasattr(torch.ops.torchvision, 'nms'))"
    )
    assert says.split() == ["shim", "shim", "True"]


def test_the_guard_is_lazy():
    says = run("import cirkit.compat, cirkit.encoders.image, sys; print('torchvision' in sys.modules)")
    assert says.strip() == "False" and torch.__version__
