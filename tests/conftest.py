"""Every test: one thread, a fixed seed, records and weights in a folder of its own."""

import os

import pytest
import torch
from hypothesis import settings

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when transformers is imported
torch.set_num_threads(1)
settings.register_profile("fixed", derandomize=True)  # the same examples each time, so that a green run stays green
settings.register_profile("search", derandomize=False)  # HYPOTHESIS_PROFILE=search looks for new ones
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture
def home(monkeypatch, tmp_path):
    """An empty place for records, exhibits, weights and worlds."""
    monkeypatch.setenv("CIRKIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CIRKIT_RECORDS", str(tmp_path / "data" / "records"))
    return tmp_path / "data"
