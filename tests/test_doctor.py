import re
import subprocess
import sys
import tomllib
from pathlib import Path

import torch

from cirkit import doctor
from cirkit.search import index

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]


def row(name):
    return next(found for found in doctor.findings() if found["name"] == name)


def test_every_package_that_the_project_names_is_looked_at():
    extras = PROJECT["optional-dependencies"]
    asked = [*PROJECT["dependencies"], *extras["book"], *extras["lab"]]
    names = {re.split(r"[><=]", each)[0] for each in asked}
    assert names <= {*doctor.NEEDED, *doctor.OPTIONAL, "torch", "torchvision", "jupyter-book"}
    assert f"torch>={doctor.TORCH[0]}.{doctor.TORCH[1]}" in asked
    named = [found["name"] for found in doctor.findings()]
    assert len(named) == len(set(named))


def test_what_does_not_work_is_not_called_fine(monkeypatch, tmp_path):
    monkeypatch.setattr(torch, "__version__", "2.9.1+cpu")
    assert row("torch")["state"] == "broken" and "2.11" in row("torch")["advice"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert row("accelerator")["state"] == "missing"

    def broken():
        raise ImportError("libgomp.so.1: no such file")

    monkeypatch.setattr(index, "_import", broken)
    assert row("faiss")["state"] == "broken" and "libgomp" in row("faiss")["advice"]
    monkeypatch.setattr(doctor, "_version", lambda name: "2.0.0" if name == "jupyter-book" else None)
    assert row("jupyter-book")["state"] == "broken" and row("numpy")["state"] == "broken"
    assert row("pillow-heif")["advice"] == "for HEIC photos in `cirkit index`: pip install pillow-heif"
    monkeypatch.setenv("CIRKIT_DATA", str(tmp_path / "new" / "data"))
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: type("Use", (), {"free": 2**30}))
    assert row("data folder")["state"] == "broken" and str(tmp_path) in row("data folder")["found"]


def test_without_torch_the_doctor_still_answers():
    code = "import sys; sys.modules['torch'] = None\nfrom cirkit.doctor import findings\nprint(*findings(), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (line,) = [line for line in done.stdout.splitlines() if "'name': 'torch'" in line]
    assert "'broken'" in line and "pip install torch" in line
