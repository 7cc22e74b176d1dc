"""The two networks a container can have, and the name files that go with them.

``none`` is a network namespace of its own with nothing but loopback, which the runtime brings up; ``host`` is the
host's network as it is. A bridge would need a daemon's worth of state, which layerctl does not keep.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

_LOCALHOST = b"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

#: Docker's defaults for a network namespace of its own: any user may bind low ports and send pings in there.
PRIVATE_SYSCTLS = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}


class Network(Enum):
    """What a container can reach."""

    NONE = "none"
    HOST = "host"


def name_files(network: Network, hostname: str, host_etc: Path = Path("/etc")) -> dict[str, bytes]:
    """Content of the files that name resolution reads, by file name under ``/etc``.

    Args:
        network: decides whether the host's resolver and names are of any use.
        hostname: the container's.
        host_etc: where the host's own files are.
    """
    own_name = f"127.0.1.1\t{hostname}\n".encode()
    if network is Network.NONE:
        return {
            "hostname": hostname.encode() + b"\n",
            "hosts": _LOCALHOST + own_name,
            "resolv.conf": b"# no network\n",
        }
    return {
        "hostname": hostname.encode() + b"\n",
        "hosts": _read(host_etc / "hosts", _LOCALHOST) + own_name,
        "resolv.conf": _read(host_etc / "resolv.conf", b""),
    }


def _read(path: Path, default: bytes) -> bytes:
    """The host may lack the file (a symlink whose service is down); that must not stop a container."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return default
    return content if content.endswith(b"\n") or not content else content + b"\n"
