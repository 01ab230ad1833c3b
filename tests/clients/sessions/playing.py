"""Plays the sessions of one client library, and prints the name of each when it begins."""

import sys


def play(library, sessions, *arguments):
    for session in sessions:
        print(f"{library}: {session.__name__}", flush=True)
        session(*arguments)


def server_port():
    """The server's port on 127.0.0.1, the first argument of every session."""
    return int(sys.argv[1])
