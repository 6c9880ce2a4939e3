# Copyright 2026 vpr_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of networks share."""

import socket

import pytest
import torch


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Let every attempt to reach another machine fail: no network of ours downloads unasked."""
    def refuse(*args, **kwargs):
        raise AssertionError(f'a test reached for the network: {args}')

    monkeypatch.setattr(socket.socket, 'connect', refuse)
    monkeypatch.setattr(socket, 'getaddrinfo', refuse)


@pytest.fixture(autouse=True)
def seed():
    """Random numbers of a test do not depend on the tests before it."""
    torch.manual_seed(0)
