import socket

import pytest

from barograph.settings import KafkaSettings, Settings


@pytest.fixture
def settings(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    return Settings(home=tmp_path, kafka=KafkaSettings(brokers=f"127.0.0.1:{closed}"))
