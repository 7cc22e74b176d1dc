"""How much of everything: as published, and a small version that shows whether it all works."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of files, commits and bytes.

    Attributes:
        many: small files of the mixed write layer.
        large: large files of it.
        large_bytes: the size of each.
        huge_bytes: the one huge file.
        very_many: files of the write layer with nothing but small ones.
        log: commits whose log is shown.
        depths: of the deep history, each a power of ten times the one before; the last is the longest history.
        docker_limit: commits after which docker is not asked for more.
        far: commits between two that are compared.
        image_directories: directories of the big image, with ``image_files`` files each.
        image_files: see there.
        days: commits of the typical development day.
    """

    many: int = 5_000
    large: int = 50
    large_bytes: int = 4 << 20
    huge_bytes: int = 1 << 30
    very_many: int = 50_000
    log: int = 10
    depths: tuple[int, ...] = (10, 100, 1_000, 10_000)
    docker_limit: int = 200
    far: int = 1_000
    image_directories: int = 2_000
    image_files: int = 100
    days: int = 100

    def no_deeper_than(self, depth: int) -> Sizes:
        """The same with no history longer than that."""
        depths = tuple(each for each in self.depths if each < depth)
        return replace(self, depths=(*depths, depth), far=min(self.far, depth - 1))


FULL = Sizes()
QUICK = Sizes(
    many=200,
    large=2,
    large_bytes=1 << 20,
    huge_bytes=16 << 20,
    very_many=1_000,
    log=3,
    depths=(4,),
    docker_limit=3,
    far=3,
    image_directories=20,
    image_files=50,
    days=3,
)
