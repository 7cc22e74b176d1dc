"""The default system call filter.

Docker's profile lists some 350 calls that are allowed. This one lists what is denied, because the two fail differently:
an allow-list made before a system call existed breaks programs that probe for it, and layerctl, unlike a daemon with
monthly releases, may be years older than the kernel. What is denied here is what Docker denies to a container without
extra capabilities; the kernel's own capability checks stand behind nearly all of it. Families, and why:

- *mount*: a mount made inside could uncover masked paths or reach other layers' directories.
- *namespaces*: a user namespace hands out capabilities inside, the usual first step of a kernel exploit. ``clone3``
  passes its flags in memory, where a filter cannot look: ``ENOSYS``, so that the C library falls back to ``clone``.
- *keys*: the kernel's keyrings are not namespaced.
- *kernel*: loading modules or another kernel, BPF, tracing, io_uring: large attack surface, for the host's
  administrator or often exploited. ``open_by_handle_at`` walks out of any mount (CVE "shocker").
- *time, accounting, quota, swap, ports*: settings of the whole machine.
- *memory policy*: NUMA placement, needs CAP_SYS_NICE with Docker.
- *obsolete*: calls that nothing needs and nobody tests.
- ``personality``: bits that turn exploit mitigations off. The query value 0xffffffff, the execution domains and
  everything else pass; a value with bit 31 set passes too, as the filter has one comparison an argument.

``ptrace`` and ``process_vm_readv`` are allowed, as in Docker on kernels since 4.8 (before, ptrace bypassed seccomp).
Source: OCI runtime-spec ``config-linux.md``, "Seccomp"; moby ``profiles/seccomp``; ``seccomp(2)``.
"""

from __future__ import annotations

import errno
from typing import Any

_DENIED = {
    "mount": "mount umount umount2 pivot_root fsopen fsconfig fsmount fspick move_mount open_tree open_tree_attr "
    "mount_setattr",
    "namespaces": "unshare setns",
    "keys": "add_key request_key keyctl",
    "kernel": "init_module finit_module delete_module create_module query_module get_kernel_syms kexec_load "
    "kexec_file_load bpf perf_event_open lookup_dcookie userfaultfd open_by_handle_at fanotify_init reboot syslog kcmp "
    "io_uring_setup io_uring_enter io_uring_register",
    "machine": "acct quotactl quotactl_fd swapon swapoff settimeofday stime clock_settime clock_settime64 "
    "clock_adjtime clock_adjtime64 adjtimex ioperm iopl vhangup sethostname setdomainname",
    "memory policy": "get_mempolicy mbind set_mempolicy set_mempolicy_home_node migrate_pages move_pages",
    "obsolete": "_sysctl sysfs uselib ustat nfsservctl vm86 vm86old afs_syscall getpmsg putpmsg security "
    "tuxcall vserver",
}
_NAMESPACE_FLAGS = {
    "CLONE_NEWNS": 0x00020000,
    "CLONE_NEWCGROUP": 0x02000000,
    "CLONE_NEWUTS": 0x04000000,
    "CLONE_NEWIPC": 0x08000000,
    "CLONE_NEWUSER": 0x10000000,
    "CLONE_NEWPID": 0x20000000,
    "CLONE_NEWNET": 0x40000000,
}
_PERSONALITY_FLAGS = {
    "ADDR_NO_RANDOMIZE": 0x0040000,
    "MMAP_PAGE_ZERO": 0x0100000,
    "ADDR_COMPAT_LAYOUT": 0x0200000,
    "READ_IMPLIES_EXEC": 0x0400000,
}
_PERSONALITY_QUERY_BIT = 0x80000000
_AF_VSOCK = 40
_ARCHITECTURES = {
    "x86_64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"),
    "aarch64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
    "riscv64": ("SCMP_ARCH_RISCV64",),
    "ppc64le": ("SCMP_ARCH_PPC64LE",),
    "s390x": ("SCMP_ARCH_S390X", "SCMP_ARCH_S390"),
}


def build_seccomp(machine: str) -> dict[str, Any]:
    """The ``linux.seccomp`` object of a runtime config.

    Args:
        machine: as ``uname -m`` says; its 32-bit relatives are filtered too, any other one is killed by libseccomp.
    """
    names = [name for family in _DENIED.values() for name in family.split()]
    flags_at = 1 if machine == "s390x" else 0
    return {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": list(_ARCHITECTURES.get(machine, ())),
        "syscalls": [
            _deny(names, errno.EPERM),
            _deny(["clone3"], errno.ENOSYS),
            *(_deny(["clone"], errno.EPERM, _bits(flags_at, flag, flag)) for flag in _NAMESPACE_FLAGS.values()),
            *(
                _deny(["personality"], errno.EPERM, _bits(0, flag | _PERSONALITY_QUERY_BIT, flag))
                for flag in _PERSONALITY_FLAGS.values()
            ),
            _deny(["socket"], errno.EPERM, {"index": 0, "value": _AF_VSOCK, "op": "SCMP_CMP_EQ"}),
        ],
    }


def _deny(names: list[str], number: int, *args: dict[str, Any]) -> dict[str, Any]:
    return {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": number, "args": list(args)}


def _bits(index: int, mask: int, value: int) -> dict[str, Any]:
    """Matches an argument for which ``argument & mask == value``; the spec calls the mask ``value``."""
    return {"index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
