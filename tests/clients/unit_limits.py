"""Becomes the command of a systemd unit under the unit's limits, where no systemd runs.

usage: unit_limits.py <unit>

Of [Service] it obeys ExecStart=, Environment= (the caller's environment overrides it), UMask=,
Limit*=, DynamicUser=, CapabilityBoundingSet=, NoNewPrivileges=, SystemCallFilter=,
RestrictAddressFamilies=, MemoryDenyWriteExecute=, RestrictNamespaces=, RestrictRealtime=; and, where
it may mount, PrivateDevices=, ProtectSystem= (as with =full), ProtectKernelTunables= and
ProtectControlGroups=. The other settings hide files, among which those of a test would be. Needs root,
systemd-analyze and libseccomp.
"""

import ctypes
import errno
import os
import re
import resource
import shlex
import socket
import subprocess
import sys
import tempfile

# systemd's default limits: soft and hard.
LIMITS = {"LimitNOFILE": "1024:524288", "LimitMEMLOCK": "8M"}
# systemd's range of ids for users that exist while a service runs.
DYNAMIC_ID = 61184

# linux/capability.h: those that the tested units name.
CAPABILITIES = {"CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_SYS_RESOURCE": 24}
# sched.h
CLONE_NEWNS = 0x20000
CLONE_NEW_ANY = 0x7E020080
REALTIME_POLICIES = (1, 2, 6)
# linux/prctl.h
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 24, 38, 65, 1
# sys/mman.h, sys/shm.h
PROT_WRITE, PROT_EXEC, SHM_EXEC = 2, 4, 0o100000
# The kernel's largest number of a socket family.
FAMILIES_MAX = 50

libc = ctypes.CDLL(None, use_errno=True)


def note(text):
    print(f"unit_limits: {text}", file=sys.stderr, flush=True)


class Unit:
    """The settings of [Service]; one that comes several times has several values."""

    def __init__(self, path):
        self.values = {}
        section = None
        with open(path, encoding="utf-8") as file:
            for line in file.read().replace("\\\n", " ").splitlines():
                line = line.strip()
                if line.startswith("["):
                    section = line
                elif section == "[Service]" and line and line[0] not in "#;":
                    name, value = line.split("=", 1)
                    self.values.setdefault(name.strip(), []).append(value.strip())

    def last(self, name, default=None):
        return self.values.get(name, [default])[-1]

    def asks(self, name):
        return self.last(name) in ("yes", "true", "on", "1")

    def command(self, environment):
        """Words with variables expanded, as in systemd: `${X}` within a word, `$X` as words."""
        words = []
        for word in shlex.split(self.last("ExecStart")):
            if re.fullmatch(r"\$\w+", word):
                words += environment.get(word[1:], "").split()
            else:
                put_in = lambda found: environment.get(found[1], "")
                words.append(re.sub(r"\$\{(\w+)\}", put_in, word))
        return words

    def environment(self):
        assignments = [it for line in self.values.get("Environment", []) for it in shlex.split(line)]
        return dict(it.split("=", 1) for it in assignments) | dict(os.environ)


class Filter:
    """A seccomp filter: an action for each system call, and one for all others."""

    ALLOW = 0x7FFF0000
    # enum scmp_compare
    NE, EQ, GT, MASKED_EQ = 1, 4, 6, 7

    class Comparison(ctypes.Structure):
        _fields_ = [
            ("argument", ctypes.c_uint),
            ("operation", ctypes.c_int),
            ("first", ctypes.c_uint64),
            ("second", ctypes.c_uint64),
        ]

    @staticmethod
    def refuse(number=errno.EPERM):
        return 0x00050000 | number

    def __init__(self, others):
        self.library = ctypes.CDLL("libseccomp.so.2")
        self.library.seccomp_init.restype = ctypes.c_void_p
        self.filter = ctypes.c_void_p(self.library.seccomp_init(ctypes.c_uint32(others)))
        assert self.filter, "libseccomp makes a filter"

    def add(self, action, call, *comparisons):
        number = self.library.seccomp_syscall_resolve_name(call.encode())
        # Calls of other architectures have negative numbers.
        if number >= 0:
            array = (self.Comparison * len(comparisons))(*comparisons)
            result = self.library.seccomp_rule_add_array(
                self.filter, ctypes.c_uint32(action), number, len(comparisons), array
            )
            assert result == 0, f"{call}: {os.strerror(-result)}"

    def load(self):
        result = self.library.seccomp_load(self.filter)
        assert result == 0, f"the kernel takes a filter: {os.strerror(-result)}"


def call_sets():
    """systemd's sets of system calls: @name to names of calls and other sets."""
    sets = {}
    output = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter"], capture_output=True, text=True, check=True
    )
    for line in output.stdout.splitlines():
        if line.startswith("@"):
            members = sets.setdefault(line.strip(), [])
        elif line.startswith(" ") and not line.strip().startswith("#"):
            members.append(line.strip())
    return sets


def calls(words, sets):
    found = set()
    for word in words:
        found |= calls(sets[word], sets) if word.startswith("@") else {word}
    return found


def call_filter(unit):
    """SystemCallFilter=: the first line says whether the named calls are allowed or refused."""
    lines = unit.values.get("SystemCallFilter")
    if not lines:
        return []
    sets, listed, refuses = call_sets(), set(), lines[0].startswith("~")
    for line in lines:
        named = calls(line.lstrip("~").split(), sets)
        listed = listed | named if line.startswith("~") == refuses else listed - named
    refuse = Filter.refuse(getattr(errno, unit.last("SystemCallErrorNumber", "EPERM")))
    result = Filter(Filter.ALLOW if refuses else refuse)
    for call in listed | (set() if refuses else calls(["@default"], sets)):
        result.add(refuse if refuses else Filter.ALLOW, call)
    return [result]


def family_filter(unit):
    allowed = {getattr(socket, name) for name in unit.last("RestrictAddressFamilies").split()}
    refuse, result = Filter.refuse(errno.EAFNOSUPPORT), Filter(Filter.ALLOW)
    for family in set(range(FAMILIES_MAX)) - allowed:
        result.add(refuse, "socket", (0, Filter.EQ, family, 0))
    result.add(refuse, "socket", (0, Filter.GT, FAMILIES_MAX - 1, 0))
    return result


def memory_filter():
    """Forbids memory that is writable and executable, at once or one after the other."""
    both, result = PROT_WRITE | PROT_EXEC, Filter(Filter.ALLOW)
    result.add(Filter.refuse(), "mmap", (2, Filter.MASKED_EQ, both, both))
    for call in ("mprotect", "pkey_mprotect"):
        result.add(Filter.refuse(), call, (2, Filter.MASKED_EQ, PROT_EXEC, PROT_EXEC))
    result.add(Filter.refuse(), "shmat", (2, Filter.MASKED_EQ, SHM_EXEC, SHM_EXEC))
    return result


def namespace_filter():
    result = Filter(Filter.ALLOW)
    for bit in range(32):
        if CLONE_NEW_ANY & 1 << bit:
            for call in ("clone", "unshare"):
                result.add(Filter.refuse(), call, (0, Filter.MASKED_EQ, 1 << bit, 1 << bit))
    result.add(Filter.refuse(), "setns")
    # Its flags are in memory, which a filter cannot read. The C library then uses clone.
    result.add(Filter.refuse(errno.ENOSYS), "clone3")
    return result


def realtime_filter():
    result = Filter(Filter.ALLOW)
    for policy in REALTIME_POLICIES:
        result.add(Filter.refuse(), "sched_setscheduler", (1, Filter.EQ, policy, 0))
    return result


def filters(unit):
    """In the order in which they are set, as the last one may forbid further ones."""
    result = []
    if unit.last("RestrictAddressFamilies"):
        result.append(family_filter(unit))
    if unit.asks("MemoryDenyWriteExecute"):
        result.append(memory_filter())
    if unit.asks("RestrictNamespaces"):
        result.append(namespace_filter())
    if unit.asks("RestrictRealtime"):
        result.append(realtime_filter())
    return result + call_filter(unit)


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def make_read_only(*paths):
    for path in filter(os.path.isdir, paths):
        mount("--bind", path, path)
        mount("-o", "remount,bind,ro", path)


def private_devices():
    devices = tempfile.mkdtemp()
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", devices)
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        open(f"{devices}/{name}", "x", encoding="utf-8").close()
        mount("--bind", f"/dev/{name}", f"{devices}/{name}")
    os.mkdir(f"{devices}/shm")
    mount("--bind", "/dev/shm", f"{devices}/shm")
    os.symlink("/proc/self/fd", f"{devices}/fd")
    mount("--move", devices, "/dev")
    os.rmdir(devices)


def limit_files(unit):
    if libc.unshare(CLONE_NEWNS) != 0:
        note(f"files as they are: {os.strerror(ctypes.get_errno())}")
        return
    mount("--make-rprivate", "/")
    if unit.asks("PrivateDevices"):
        private_devices()
    if unit.asks("ProtectControlGroups"):
        make_read_only("/sys/fs/cgroup")
    if unit.asks("ProtectKernelTunables"):
        make_read_only("/proc/sys", "/sys")
    if unit.last("ProtectSystem", "no") in ("full", "strict"):
        make_read_only("/usr", "/boot", "/efi", "/etc")


def amount(word):
    if word == "infinity":
        return resource.RLIM_INFINITY
    scale = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    return int(word.rstrip("KMG")) * scale.get(word[-1], 1)


def limit_resources(unit):
    for name in {it for it in unit.values if it.startswith("Limit")} | set(LIMITS):
        amounts = [amount(word) for word in unit.last(name, LIMITS.get(name)).split(":")]
        kind = getattr(resource, f"RLIMIT_{name.removeprefix('Limit')}")
        try:
            resource.setrlimit(kind, (amounts[0], amounts[-1]))
        except ValueError as error:
            # Root in a container may be unable to raise a limit.
            _, hard = resource.getrlimit(kind)
            note(f"{name} is {hard} at most: {error}")
            soft = hard if amounts[0] == resource.RLIM_INFINITY else min(amounts[0], hard)
            resource.setrlimit(kind, (soft, hard))


def limit_privileges(unit):
    bounding = unit.last("CapabilityBoundingSet")
    if bounding is not None:
        kept = {CAPABILITIES[name] for name in bounding.split()}
        with open("/proc/sys/kernel/cap_last_cap", encoding="utf-8") as file:
            for capability in set(range(int(file.read()) + 1)) - kept:
                libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if unit.asks("DynamicUser"):
        os.setgroups([])
        os.setresgid(DYNAMIC_ID, DYNAMIC_ID, DYNAMIC_ID)
        os.setresuid(DYNAMIC_ID, DYNAMIC_ID, DYNAMIC_ID)
    if unit.asks("NoNewPrivileges"):
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def main():
    unit = Unit(sys.argv[1])
    prepared = filters(unit)
    environment = unit.environment()
    command = unit.command(environment)
    # Opened early, since the service's user may have no access to the build. The interpreter of a
    # script needs its path.
    with open(command[0], "rb") as file:
        is_script = file.read(2) == b"#!"
    program = command[0] if is_script else os.open(command[0], os.O_RDONLY)
    limit_files(unit)
    limit_resources(unit)
    os.umask(int(unit.last("UMask", "0022"), 8))
    limit_privileges(unit)
    if unit.asks("MemoryDenyWriteExecute"):
        # Newer versions of systemd also set this; older kernels do not have it.
        libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)
    for each in prepared:
        each.load()
    os.execve(program, command, environment)


main()
