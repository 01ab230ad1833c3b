"""A session of pymemcache and one of python-binary-memcached under TLS with the server on
127.0.0.1:<port>; ends with status 0 if all held.

usage: tls_session.py <port> <file of who vouches for the server>
"""

import ssl
import sys

import bmemcached
from playing import play, server_port
from pymemcache.client.base import Client


def context(authorities):
    found = ssl.create_default_context(cafile=authorities)
    # Clients name the server by its address, which its certificate does not.
    found.check_hostname = False
    return found


def text(port, tls):
    client = Client(("127.0.0.1", port), connect_timeout=30, timeout=30, tls_context=tls)
    large = b"x" * 700_000
    assert client.set("large", large, noreply=False) is True
    assert client.get("large") == large
    assert client.set_many({f"k{n}": b"v" for n in range(500)}, noreply=False) == []
    assert len(client.get_many([f"k{n}" for n in range(600)])) == 500
    client.close()


def binary(port, tls):
    client = bmemcached.Client(f"127.0.0.1:{port}", socket_timeout=30, tls_context=tls)
    assert client.set("k", "v" * 10_000)
    assert client.get("k") == "v" * 10_000
    assert client.delete("k")
    assert client.get("k") is None
    client.disconnect_all()


play("under TLS", (text, binary), server_port(), context(sys.argv[2]))
