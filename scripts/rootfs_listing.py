"""List a tree with everything that makes two root filesystems equal or not.

Standard library only: it shares no code with layerctl, which it judges.

    rootfs_listing.py DIR            print the listing
    rootfs_listing.py DIR OTHER      print the differences; exit status 1 if there are any
"""

import hashlib
import os
import stat
import sys
from collections.abc import Iterator

Listing = dict[bytes, dict[str, object]]


def listing(root: str | os.PathLike[str]) -> Listing:
    """For each path: type, mode, owner, size, mtime in ns, link target, device, hardlinks, xattrs, SHA-256.

    A hardlink group is named by its first path in byte order. A directory's size and link count say nothing about what
    is in it, and inode numbers nothing at all on an overlay: neither is listed.
    """
    top = os.fsencode(root)
    first_paths: dict[tuple[int, int], bytes] = {}
    result: Listing = {}
    for path in sorted(walk(top)):
        full = os.path.join(top, path)
        info = os.lstat(full)
        entry = describe(full, info)
        if not stat.S_ISDIR(info.st_mode):
            first = first_paths.setdefault((info.st_dev, info.st_ino), path)
            if first != path:
                entry["link"] = first
        result[path or b"."] = entry
    return result


def walk(top: bytes, folder: bytes = b"") -> Iterator[bytes]:
    """Every path below `top`, relative to it; `top` itself is the empty path. Symlinks are not followed."""
    yield folder
    with os.scandir(os.path.join(top, folder)) as entries:
        for entry in entries:
            path = os.path.join(folder, entry.name)
            if entry.is_dir(follow_symlinks=False):
                yield from walk(top, path)
            else:
                yield path


def describe(path: bytes, info: os.stat_result) -> dict[str, object]:
    """What lstat, the extended attributes and the content say about one path."""
    entry: dict[str, object] = {
        "type": stat.filemode(info.st_mode)[0],
        "mode": f"{stat.S_IMODE(info.st_mode):04o}",
        "owner": f"{info.st_uid}:{info.st_gid}",
        "mtime": info.st_mtime_ns,
        "xattrs": {name: os.getxattr(path, name, follow_symlinks=False) for name in xattr_names(path)},
    }
    if stat.S_ISREG(info.st_mode):
        entry["size"] = info.st_size
        with open(path, "rb") as file:
            entry["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
    elif stat.S_ISLNK(info.st_mode):
        entry["target"] = os.readlink(path)
    elif stat.S_ISBLK(info.st_mode) or stat.S_ISCHR(info.st_mode):
        entry["device"] = f"{os.major(info.st_rdev)}:{os.minor(info.st_rdev)}"
    return entry


def xattr_names(path: bytes) -> list[str]:
    """Names in a fixed order. SELinux labels belong to the machine, not to the rootfs."""
    return sorted(name for name in os.listxattr(path, follow_symlinks=False) if name != "security.selinux")


def differences(old: Listing, new: Listing) -> list[str]:
    """One line a path that is not the same in both."""
    lines = []
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        name = os.fsdecode(path)
        if before is None or after is None:
            lines.append(f"{name}: only in the {'second' if before is None else 'first'}")
        elif before != after:
            keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
            lines.append(f"{name}: " + ", ".join(f"{key} {before.get(key)} -> {after.get(key)}" for key in keys))
    return lines


def main(arguments: list[str]) -> int:
    """The command line described at the top."""
    if len(arguments) == 2:
        found = differences(listing(arguments[0]), listing(arguments[1]))
        print(*found, sep="\n", end="\n" if found else "")
        return 1 if found else 0
    for path, entry in listing(arguments[0]).items():
        print(os.fsdecode(path), *(f"{key}={value}" for key, value in entry.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
