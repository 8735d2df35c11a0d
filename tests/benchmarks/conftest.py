"""A module's world, published once at its smallest, and a copy of it to spoil that does not say it is a world."""

import shutil

import pytest


@pytest.fixture(scope="module")
def root(request, tmp_path_factory):
    """The folder of the module's WORLD at its size TINY; tests only read it."""
    folder = tmp_path_factory.mktemp("world") / "world"
    request.module.WORLD.publish(folder, request.module.TINY)
    return folder


@pytest.fixture
def copied(root, tmp_path):
    """A copy that may be changed, read as the original would be."""
    shutil.copytree(root, tmp_path / "copy")
    (tmp_path / "copy" / "world.json").unlink()
    return tmp_path / "copy"
