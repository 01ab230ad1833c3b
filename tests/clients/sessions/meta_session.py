"""A session of meta-memcache, which speaks meta commands only, with the server on 127.0.0.1:<port>.

usage: meta_session.py <port>

Ends with status 0 if all held.
"""

from meta_memcache import (
    CacheClient,
    Key,
    LeasePolicy,
    RecachePolicy,
    ServerAddress,
    SetMode,
    StalePolicy,
    connection_pool_factory_builder,
)
from playing import play, server_port

TTL = 1000


def connect(port):
    return CacheClient.cache_client_from_servers(
        servers=[ServerAddress("127.0.0.1", port)],
        connection_pool_factory_fn=connection_pool_factory_builder(
            connection_timeout=30, recv_timeout=30
        ),
    )


def values(client):
    assert client.get("absent") is None
    for key, value in {
        "text": "grün",
        "bytes": b"\x00\r\nEN\r\n\xff",
        "number": 42,
        "list": [1, {"two": (3.0, None)}],
        "empty": b"",
        "large": b"x" * 900_000,
        "compressed": "a long text " * 10_000,
    }.items():
        assert client.set(key, value, TTL)
        assert client.get(key) == value, key
    assert client.touch("text", TTL) and not client.touch("absent", TTL)
    assert client.delete("text") and not client.delete("text")
    assert client.invalidate("text")
    assert client.get("text") is None
    client.set("quiet", b"1", TTL, no_reply=True)
    assert client.get("quiet") == b"1"


def modes(client):
    assert client.set("mode", b"b", TTL, set_mode=SetMode.ADD)
    assert not client.set("mode", b"x", TTL, set_mode=SetMode.ADD)
    assert client.set("mode", b"c", TTL, set_mode=SetMode.APPEND)
    assert client.set("mode", b"a", TTL, set_mode=SetMode.PREPEND)
    assert client.get("mode") == b"abc"
    assert client.set("mode", b"d", TTL, set_mode=SetMode.REPLACE)
    assert not client.set("absent", b"d", TTL, set_mode=SetMode.REPLACE)
    assert client.refill("refilled", b"1", TTL)
    assert client.get("refilled") == b"1"


def many(client):
    keys = [f"many:{number}" for number in range(500)]
    for number, key in enumerate(keys):
        client.set(key, b"v" * number, TTL, no_reply=True)
    found = client.multi_get(keys + ["absent"])
    assert found[Key("absent")] is None
    assert all(found[Key(key)] == b"v" * number for number, key in enumerate(keys))


def keys_of_any_bytes(client):
    # Keys with blanks or beyond ASCII are sent in base64, too long ones as their digest.
    for key in ("a key", "schlüssel", "k" * 240, "ü" * 200):
        assert client.set(key, key, TTL), key
        assert client.get(key) == key, key


def cas_and_numbers(client):
    unique = client.set_cas("cas", b"1", TTL)
    assert client.get_cas("cas") == (b"1", unique)
    assert client.set("cas", b"2", TTL, cas_token=unique)
    assert not client.set("cas", b"3", TTL, cas_token=unique)
    assert not client.delete("cas", cas_token=unique)
    assert client.get("cas") == b"2"
    assert client.delta_initialize_and_get("n", 1, initial_value=5, initial_ttl=TTL) == 5
    assert client.delta_and_get("n", 37) == 42
    assert client.delta_and_get("n", -2) == 40
    assert client.delta("n", 2) and int(client.get("n")) == 42
    assert client.delta_and_get("absent", 1) is None


def leases(client):
    once = LeasePolicy(ttl=TTL, miss_retries=1)
    # The first reader is asked to fetch the value. Later ones miss.
    assert client.get_or_lease("leased", once) is None
    value, unique = client.get_or_lease_cas("leased", once)
    assert value is None
    assert client.set("leased", b"fetched", TTL, cas_token=unique)
    assert client.get_or_lease("leased", once) == b"fetched"
    # One reader is asked to fetch an item again that expires soon.
    assert client.set("soon", b"v", 20)
    recache = RecachePolicy(ttl=500)
    assert client.get("soon", recache_policy=recache) is None
    assert client.get("soon", recache_policy=recache) == b"v"


def stale_values(client):
    policy = StalePolicy(mark_stale_on_deletion_ttl=TTL, mark_stale_on_cas_mismatch=True)
    unique = client.set_cas("stale", b"old", TTL)
    assert client.delete("stale", stale_policy=policy)
    assert client.get("stale") is None, "the first reader is to fetch the value"
    assert client.get("stale") == b"old", "the others have the old one"
    # A value read before the deletion is stored, and stays stale.
    assert client.set("stale", b"older", TTL, cas_token=unique, stale_policy=policy)
    assert client.get("stale") == b"older"
    assert client.set("stale", b"new", TTL)
    assert [client.get("stale"), client.get("stale")] == [b"new", b"new"]


play(
    "meta-memcache",
    (
        values,
        modes,
        many,
        keys_of_any_bytes,
        cas_and_numbers,
        leases,
        stale_values,
    ),
    connect(server_port()),
)
