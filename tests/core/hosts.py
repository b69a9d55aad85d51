"""What tests of engines lend them: one thread, and a host that writes down what it places."""

from typing import Any

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Small networks are slower when they are shared out."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def places(placed: list[str]) -> Any:
    """As ``Host.place``: leaves a network where it is, and appends its class's name."""

    class Place:
        def __init__(self, network):
            self.network = network

        def __enter__(self):
            placed.append(type(self.network).__name__)
            return self.network

        def __exit__(self, *_):
            pass

    return Place
