"""No network for this process and all that it starts, by a filter of system calls that cannot be taken back.

It is spoken to on a Unix socket, and speaks to nobody: it may listen and accept, and connect to nothing, the signer's
socket included. Sockets that need no connection are refused as those of other families are.

Source: seccomp(2), linux/seccomp.h, linux/bpf_common.h. The filter is inherited by every child, git among them.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM
KILL = 0x80000000

LOAD, EQUAL, AT_LEAST, AND, RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT, SECOND_ARGUMENT_AT = 0, 4, 16, 24
# The kind of a socket without the flags that are set along with it.
KIND = 0xF
# Calls of another interface on the same machine (x32) have this bit.
X32 = 0x40000000

# By machine: the audit architecture, and the numbers of socket, socketpair, and of what is refused whole.
_MACHINES = {
    "x86_64": (0xC000003E, (41, 53), {"ptrace": 101, "mount": 165, "unshare": 272, "setns": 308, "bpf": 321,
                                      "io_uring_setup": 425, "process_vm_readv": 310, "keyctl": 250, "connect": 42,
                                      "pidfd_getfd": 438}),
    "aarch64": (0xC00000B7, (198, 199), {"ptrace": 117, "mount": 40, "unshare": 97, "setns": 268, "bpf": 280,
                                         "io_uring_setup": 425, "process_vm_readv": 270, "keyctl": 219, "connect": 203,
                                         "pidfd_getfd": 438}),
}  # fmt: skip


class NotConfined(Exception):
    """The filter cannot be set, or does not hold."""


def program(machine: str) -> bytes:
    """The filter as instructions of classic BPF.

    Raises:
        NotConfined: the machine's numbers are not known.
    """
    if machine not in _MACHINES:
        raise NotConfined(f"no filter is known for {machine}; run the quarantine on x86_64 or aarch64")
    architecture, sockets, refused = _MACHINES[machine]
    code = [_step(LOAD, ARCHITECTURE_AT), _step(EQUAL, architecture, 1, 0), _step(RETURN, KILL)]
    code += [_step(LOAD, NUMBER_AT)]
    code += [_step(AT_LEAST, X32, 0, 1), _step(RETURN, REFUSE)]
    for number in refused.values():
        code += [_step(EQUAL, number, 0, 1), _step(RETURN, REFUSE)]
    for number in sockets:
        # Of sockets only those of the family AF_UNIX that speak over a connection.
        code += [
            _step(EQUAL, number, 0, 8),
            _step(LOAD, FIRST_ARGUMENT_AT),
            _step(EQUAL, socket.AF_UNIX, 1, 0),
            _step(RETURN, REFUSE),
            _step(LOAD, SECOND_ARGUMENT_AT),
            _step(AND, KIND),
            _step(EQUAL, socket.SOCK_STREAM, 1, 0),
            _step(RETURN, REFUSE),
            _step(RETURN, ALLOW),
        ]
    return b"".join([*code, _step(RETURN, ALLOW)])


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def confine() -> None:
    """Set the filter for this process and its children, and see that it holds.

    Raises:
        NotConfined: it cannot be set, or a socket can still be made.
    """
    code = program(platform.machine())
    buffer = ctypes.create_string_buffer(code, len(code))
    wanted = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise NotConfined(f"no_new_privs: {errno.errorcode.get(ctypes.get_errno(), '?')}")
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(wanted), 0, 0):
        raise NotConfined(f"seccomp: {errno.errorcode.get(ctypes.get_errno(), '?')}")
    if can_reach_a_network():
        raise NotConfined("the filter is set and a network socket can be made all the same")


def can_reach_a_network() -> bool:
    """Whether a socket of the internet families can be made."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.socket(family, socket.SOCK_STREAM).close()
        except PermissionError:
            continue
        except OSError:
            # The machine has no such family, which is as good.
            continue
        return True
    return False
