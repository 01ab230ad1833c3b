"""Plays the sessions of one client library, each named as it begins: a failure shows where."""

import sys


def play(library, sessions, *arguments):
    for session in sessions:
        print(f"{library}: {session.__name__}", flush=True)
        session(*arguments)


def server_port():
    """The server's port on 127.0.0.1, the first word of every session's command line."""
    return int(sys.argv[1])
