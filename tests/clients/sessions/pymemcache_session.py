"""A session of pymemcache with the server on 127.0.0.1:<port>; ends with status 0 if all checks hold.

usage: pymemcache_session.py <port>
"""

import threading

from playing import play, server_port
from pymemcache import serde
from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.exceptions import MemcacheClientError, MemcacheServerError


def connect(port, **options):
    return Client(("127.0.0.1", port), connect_timeout=30, timeout=30, **options)


def plain_values(port):
    client = connect(port)
    client.flush_all(noreply=False)
    assert client.get("absent") is None
    assert client.get("absent", b"default") == b"default"
    assert client.set("k", b"v", noreply=False) is True
    assert client.get("k") == b"v"
    assert client.add("k", b"w", noreply=False) is False
    assert client.replace("k", b"w", noreply=False) is True
    assert client.append("k", b">", noreply=False) is True
    assert client.prepend("k", b"<", noreply=False) is True
    assert client.get("k") == b"<w>"
    assert client.delete("k", noreply=False) is True
    assert client.delete("k", noreply=False) is False
    assert client.replace("k", b"w", noreply=False) is False
    client.set("quiet", b"1")
    assert client.get("quiet") == b"1"
    client.delete("quiet")
    assert client.get("quiet") is None
    client.close()


def many(port):
    client = connect(port)
    pairs = {f"many:{number}": str(number).encode() * (number % 50) for number in range(500)}
    assert client.set_many(pairs, noreply=False) == []
    assert client.get_many(pairs) == pairs
    assert client.gets_many(list(pairs)[:3]).keys() == set(list(pairs)[:3])
    assert client.delete_many(pairs, noreply=False) is True
    assert client.get_many(pairs) == {}
    client.close()


def cas_and_numbers(port):
    client = connect(port)
    assert client.set("c", b"1", noreply=False)
    value, unique = client.gets("c")
    assert value == b"1"
    assert client.cas("c", b"2", unique) is True
    assert client.cas("c", b"3", unique) is False
    assert client.cas("absent", b"3", unique) is None
    assert client.incr("c", 40) == 42
    assert client.decr("c", 2) == 40
    assert client.decr("c", 1000) == 0
    assert client.incr("absent", 1) is None
    client.set("text", b"abc", noreply=False)
    try:
        client.incr("text", 1)
    except MemcacheClientError as error:
        assert b"non-numeric" in error.args[0], error
    else:
        raise AssertionError("incr of text succeeds")
    client.close()


def times(port):
    client = connect(port)
    client.set("t", b"v", expire=100, noreply=False)
    assert client.touch("t", 200, noreply=False) is True
    assert client.touch("absent", 200, noreply=False) is False
    # This client has no gat.
    reply = client.raw_command("gat 300 t absent", "END\r\n")
    assert reply == b"VALUE t 0 1\r\nv\r\n", reply
    assert client.raw_command("gats 300 absent", "END\r\n") == b""
    assert client.touch("t", -1, noreply=False) is True
    assert client.get("t") is None
    client.set("f", b"v", noreply=False)
    assert client.flush_all(noreply=False) is True
    assert client.get("f") is None
    client.close()


def flags_and_objects(port):
    client = connect(port, serde=serde.PickleSerde())
    objects = {
        "text": "grün",
        "bytes": b"\x00\r\nEND\r\n\xff",
        "number": 12345678901234567890,
        "list": [1, {"two": (3.0, None)}],
        "empty": b"",
    }
    for key, value in objects.items():
        assert client.set(key, value, noreply=False)
        assert client.get(key) == value, key
    assert client.get_many(objects) == objects
    client.close()
    compressed = connect(port, serde=serde.compressed_serde)
    text = "a long text " * 10_000
    assert compressed.set("compressed", text, noreply=False)
    assert compressed.get("compressed") == text
    compressed.close()


def large_values(port):
    client = connect(port)
    for length in (1, 2047, 2048, 16_384, 65_535, 524_288, 1_048_000):
        value = bytes(range(256)) * (length // 256 + 1)
        value = value[:length]
        assert client.set("large", value, noreply=False)
        assert client.get("large") == value, length
    try:
        client.set("large", b"x" * 1_100_000, noreply=False)
    except MemcacheServerError as error:
        assert b"too large" in error.args[0], error
    else:
        raise AssertionError("a value over the limit is stored")
    assert client.get("large") is None
    client.close()


def server_commands(port):
    client = connect(port)
    version = client.version()
    parts = version.split(b".")
    assert len(parts) == 3 and all(part.isdigit() for part in parts), version
    stats = client.stats()
    for name in (b"pid", b"uptime", b"curr_items", b"bytes", b"limit_maxbytes", b"threads"):
        assert name in stats, name
    client.quit()


def pools(port):
    pooled = PooledClient(("127.0.0.1", port), max_pool_size=8, timeout=30)
    failures = []

    def work(number):
        try:
            for turn in range(100):
                key = f"pool:{number}"
                assert pooled.set(key, str(turn).encode(), noreply=False)
                assert pooled.get(key) == str(turn).encode()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    hashed = HashClient([("127.0.0.1", port)], timeout=30)
    pairs = {f"hash:{number}": b"v" for number in range(50)}
    assert hashed.set_many(pairs, noreply=False) == []
    assert hashed.get_many(pairs) == pairs
    hashed.close()


play(
    "pymemcache",
    (
        plain_values,
        many,
        cas_and_numbers,
        times,
        flags_and_objects,
        large_values,
        server_commands,
        pools,
    ),
    server_port(),
)
