"""Sessions of redis-py, Django and django-redis; ends with status 0 if all checks hold.

usage: redis_session.py <port on 127.0.0.1, or path of a Unix socket>
"""

import sys
import threading

import redis
from playing import play

ADDRESS = sys.argv[1]


def connect(protocol, **options):
    if ADDRESS.isdigit():
        return redis.Redis(port=int(ADDRESS), db=1, protocol=protocol, **options)
    return redis.Redis(unix_socket_path=ADDRESS, db=1, protocol=protocol, **options)


def url(database):
    if ADDRESS.isdigit():
        return f"redis://127.0.0.1:{ADDRESS}/{database}"
    return f"unix://{ADDRESS}?db={database}"


def values(protocol):
    client = connect(protocol)
    client.flushdb()
    assert client.set("a", "1") is True and client.get("a") == b"1"
    assert client.get("none") is None
    assert client.set("a", "2", nx=True) is None
    assert client.set("a", "3", get=True) == b"1"
    assert client.setex("s", 100, "v") and client.ttl("s") in (99, 100)
    assert client.persist("s") and client.ttl("s") == -1 and client.ttl("none") == -2
    assert client.incrbyfloat("f", "1.5") == 1.5 and client.getrange("a", 0, 0) == b"3"
    assert client.copy("a", "b") and client.rename("b", "c") and client.getdel("c") == b"3"
    assert client.exists("a", "a") == 2 and client.type("a") == b"string"
    info = client.info()
    assert info["redis_version"] and info["arch_bits"] == 64 and info["db1"]["keys"] > 2
    assert client.client_setname("q") and client.client_getname() and client.client_list()
    assert client.eval("return ARGV[1]", 0, "z") == b"z" and client.memory_usage("a") > 0
    try:
        client.execute_command("DPING")
        raise AssertionError("it is an unknown command")
    except redis.ResponseError as error:
        assert "unknown command" in str(error)


def pipelines(protocol):
    client = connect(protocol)
    client.flushdb()
    with client.pipeline() as pipe:
        pipe.set("x", 1).incr("x").get("x").expire("x", 100)
        assert pipe.execute() == [True, 2, b"2", True]
    with client.pipeline(transaction=False) as pipe:
        for number in range(5000):
            pipe.set(f"k{number}", number)
        assert all(pipe.execute())
    keys = [f"k{number}" for number in range(1000)]
    assert client.mget(keys) == [str(number).encode() for number in range(1000)]
    assert len(set(client.scan_iter("k*", count=100))) == 5000


def transactions(protocol):
    client = connect(protocol)
    client.set("counter", 0)

    def add(pipe):
        value = int(pipe.get("counter"))
        pipe.multi()
        pipe.set("counter", value + 1)

    def count():
        own = connect(protocol)
        for _ in range(30):
            own.transaction(add, "counter")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("counter") == b"120"


def locks(protocol):
    client = connect(protocol)
    lock = client.lock("lock", timeout=5)
    assert lock.acquire(blocking=False)
    assert not client.lock("lock").acquire(blocking=False)
    lock.extend(5)
    lock.reacquire()
    lock.release()
    assert client.get("lock") is None


def frameworks():
    import django
    from django.conf import settings

    backends = ["django.core.cache.backends.redis.RedisCache", "django_redis.cache.RedisCache"]
    names = ["default", "django_redis"]
    settings.configure(
        CACHES={
            name: {"BACKEND": backend, "LOCATION": url(database)}
            for database, (name, backend) in enumerate(zip(names, backends))
        },
        USE_TZ=False,
    )
    django.setup()
    from django.core.cache import caches

    for name in names:
        cache = caches[name]
        cache.clear()
        cache.set("k", {"a": 1}, 30)
        assert cache.get("k") == {"a": 1}
        cache.set_many({"x": 1, "y": [2]}, 60)
        assert cache.get_many(["x", "y", "z"]) == {"x": 1, "y": [2]}
        assert cache.add("k", 2) is False and cache.add("n", 5, 10)
        assert cache.incr("n") == 6 and cache.decr("n", 2) == 4
        assert cache.touch("k", 50) and cache.has_key("k")
        cache.delete_many(["x", "y"])
        assert cache.get("x") is None
        if name == "django_redis":
            assert cache.ttl("k") > 40 and list(cache.iter_keys("k*")) == ["k"]
            cache.delete_pattern("k*")
            assert cache.get("k") is None
            with cache.lock("lock", timeout=3):
                pass
        cache.clear()
        assert cache.get("n") is None


for version in (2, 3):
    play(f"redis-py, RESP{version}", [values, pipelines, transactions, locks], version)
play("Django", [frameworks])
