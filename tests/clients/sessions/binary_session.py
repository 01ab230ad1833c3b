"""A session of the binary protocol's clients with the server on 127.0.0.1:<port>; pylibmc speaks text
as well.

usage: binary_session.py <port> [<user> <password>]

Ends with status 0 if all held. With a user, clients log in by SASL; without one they must go on when
the server knows no authentication.
"""

import sys

import bmemcached
import pylibmc
from playing import play, server_port


def bmemcached_session(port, user, password):
    client = bmemcached.Client((f"127.0.0.1:{port}",), user, password)
    assert client.flush_all()
    assert client.get("absent") is None
    assert client.set("k", "v")
    assert client.get("k") == "v"
    assert not client.add("k", "w")
    assert client.add("new", "w")
    assert client.replace("k", "w")
    assert not client.replace("absent", "w")
    value, unique = client.gets("k")
    assert value == "w" and unique
    assert client.cas("k", "x", unique)
    assert not client.cas("k", "y", unique)
    assert client.get("k") == "x"
    assert client.delete("k")
    assert client.get("k") is None
    assert client.incr("n", 1, default=5) == 5
    assert client.incr("n", 37) == 42
    assert client.decr("n", 2) == 40
    pairs = {f"many:{number}": str(number) * (number % 50 + 1) for number in range(2000)}
    assert client.set_multi(pairs) == []
    assert client.get_multi(list(pairs)) == pairs
    large = b"x" * 900_000
    assert client.set("large", large, compress_level=0)
    assert client.get("large") == large
    assert client.delete_multi(list(pairs))
    assert client.get_multi(list(pairs)) == {}
    statistics = next(iter(client.stats().values()))
    assert "curr_items" in statistics, statistics
    client.disconnect_all()


def wrong_password_session(port, user):
    client = bmemcached.Client((f"127.0.0.1:{port}",), user, "wrong")
    try:
        stored = client.set("intruder", "v")
    except bmemcached.exceptions.AuthenticationNotSupported:
        raise
    except Exception:
        stored = False
    assert not stored


def pylibmc_session(port, binary):
    client = pylibmc.Client([f"127.0.0.1:{port}"], binary=binary, behaviors={"cas": True})
    assert client.flush_all()
    assert client.set("k", "v")
    assert client.get("k") == "v"
    value, unique = client.gets("k")
    assert client.cas("k", "w", unique)
    assert not client.cas("k", "x", unique)
    assert client.append("k", "!") and client.prepend("k", "!")
    assert client.get("k") == "!w!"
    pairs = {f"many:{number}": "x" * number for number in range(500)}
    assert client.set_multi(pairs) == []
    assert client.get_multi(list(pairs)) == pairs
    client.set("n", 1)
    assert client.incr("n", 41) == 42
    assert client.decr("n", 2) == 40
    assert client.touch("k", 100)
    assert client.delete("k")
    assert client.get("k") is None
    large = "x" * 900_000
    assert client.set("large", large)
    assert client.get("large") == large
    assert client.get_stats()
    client.disconnect_all()


user, password = sys.argv[2:4] or (None, None)
play("python-binary-memcached", (bmemcached_session,), server_port(), user, password)
if user:
    # pylibmc contains a SASL library without mechanisms, so it cannot log in.
    play("python-binary-memcached", (wrong_password_session,), server_port(), user)
else:
    play("pylibmc in binary", (pylibmc_session,), server_port(), True)
    play("pylibmc in text", (pylibmc_session,), server_port(), False)
