"""What is fetched from a hub, and what is done where it does not answer."""

import socket

import pytest

from cirkit.compat import ensure_torchvision
from cirkit.encoders import pretrained
from cirkit.encoders.clip import transformers_clip
from cirkit.errors import Problem


@pytest.fixture
def online(monkeypatch):
    """A machine without a proxy that may ask the hub; the tests' own setting is to ask nobody."""
    ensure_torchvision()
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(pretrained, "getproxies", dict)
    return constants


def test_a_hub_that_does_not_answer_is_asked_once_and_then_its_cache(online, monkeypatch):
    asked = []

    def refuse(address, timeout):
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(Problem, match="Give a name on the Hugging Face hub, or a folder with"):
        transformers_clip(source="nobody/clip")
    assert asked == [("huggingface.co", 443)] and online.HF_HUB_OFFLINE is False


def test_a_hub_that_answers_is_asked(online, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(online, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        with pretrained.hub():
            assert online.HF_HUB_OFFLINE is False
    with pretrained.hub():
        assert online.HF_HUB_OFFLINE is True  # nobody listens there any more
    monkeypatch.setattr(pretrained, "getproxies", lambda: {"http": "http://proxy"})
    with pretrained.hub():
        assert online.HF_HUB_OFFLINE is False
