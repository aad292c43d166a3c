"""A hosts file of one's own: names that mean something else to one process and all that it starts.

Linux only: the process enters a mount namespace, in which another file lies over `/etc/hosts`; nobody else sees that,
and it is gone with the last process in there. Without the right to do so, the process first becomes the owner of a
user namespace, in which it is the same user and may.

Sources: unshare(2), mount_namespaces(7), user_namespaces(7), netdevice(7), hosts(5).
"""

from __future__ import annotations

import ctypes
import os
import random
import socket
import struct
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from partnerauth.errors import Misconfigured
from partnerauth.serving.impersonation import HTTPS

HOSTS = Path("/etc/hosts")
RESOLVER_CACHES = ("/run/nscd", "/var/run/nscd")
"""A caching daemon outside would answer from outside."""
SCAFFOLDS = ("/tmp", "/run", "/mnt")  # noqa: S108  # only a place to mount on for a moment, unseen by others

_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
_MNT_DETACH = 2
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_ADDRESSES_TRIED = 20


def loopback_socket(port: int = HTTPS) -> socket.socket:
    """A socket on `port` of a loopback address that nobody else uses, such as 127.77.3.4: Linux has sixteen million.

    Raises `Misconfigured` where the port needs more rights than we have, or this system has only one such address.
    """
    refused = 0
    for _ in range(_ADDRESSES_TRIED):
        at = f"127.{random.randint(64, 127)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
        try:
            return socket.create_server((at, port))
        except OSError as error:
            refused = error.errno or 0
            if isinstance(error, PermissionError):
                break
    raise Misconfigured(
        f"port {port} of a loopback address cannot be had: {os.strerror(refused)}",
        hint="Choose --names proxy, or --isolated, which needs no rights on most Linux systems.",
    )


def enter(*, own_network: bool = False) -> None:
    """Enter a mount namespace; with `own_network` also one where there is no other network than a loopback of its own.

    To be called before the process has a second thread. Raises `Misconfigured` where the system does not let us.
    """
    if sys.platform != "linux" or threading.active_count() > 1:
        raise Misconfigured("this system has no mount namespaces" if sys.platform != "linux" else "threads are running")
    flags = _CLONE_NEWNS | (_CLONE_NEWNET if own_network else 0)
    user, group = os.geteuid(), os.getegid()
    try:
        try:
            _call("unshare", flags)
        except PermissionError:
            _call("unshare", flags | _CLONE_NEWUSER)
            Path("/proc/self/setgroups").write_text("deny", "ascii")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1", "ascii")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1", "ascii")
        # Whatever is mounted from now on is nobody else's to see.
        _call("mount", None, b"/", None, _MS_REC | _MS_PRIVATE, None)
        if own_network:
            _bring_up(b"lo")
    except OSError as error:
        raise Misconfigured(
            f"this process may not have names of its own: {error.strerror}",
            hint="Choose --names proxy, or run it as root, or where unprivileged user namespaces are allowed.",
        ) from None


def lay_over(lines: Sequence[str]) -> None:
    """Lay a hosts file over the system's, in the namespace that was entered: the old one, and `lines` before it.

    Lines of the old file that speak of the same names are left out. Raises `Misconfigured`.
    """
    ours = {line.split()[1].lower() for line in lines}
    try:
        old = HOSTS.read_text("utf-8", "surrogateescape").splitlines()
        kept = (line for line in old if ours.isdisjoint(line.partition("#")[0].lower().split()[1:]))
        _bind("\n".join((*lines, *kept, "")).encode("utf-8", "surrogateescape"), HOSTS)
        for cache in RESOLVER_CACHES:
            if Path(cache, "socket").exists():
                _call("mount", b"none", cache.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, None)
    except OSError as error:
        raise Misconfigured(
            f"no hosts file can be laid over {HOSTS}: {error.strerror}", hint="Choose --names proxy."
        ) from None


def _bind(content: bytes, over: Path) -> None:
    """Mount a file with this content over another one. It lives in memory, without a name anywhere else."""
    scaffold = next(place for place in SCAFFOLDS if Path(place).is_dir())
    _call("mount", b"none", scaffold.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, b"size=1m,mode=0755")
    try:
        file = Path(scaffold, "hosts")
        file.write_bytes(content)
        file.chmod(0o644)
        _call("mount", str(file).encode(), str(over).encode(), None, _MS_BIND, None)
    finally:
        with suppress(OSError):
            _call("umount2", scaffold.encode(), _MNT_DETACH)


def _bring_up(interface: bytes) -> None:
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sh14x", interface, 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, asked), 16)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", interface, flags | _IFF_UP))


def _call(name: str, *arguments: object) -> None:
    """Call a function of the C library that returns 0. Raises OSError, of the kind that `errno` says."""
    library = ctypes.CDLL(None, use_errno=True)
    prepared = [ctypes.c_ulong(one) if isinstance(one, int) else one for one in arguments]
    if getattr(library, name)(*prepared) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
