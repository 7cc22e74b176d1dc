"""Which lines differ between two texts, fast enough for big files.

Common beginnings and ends are cut off first; what is left is split at lines that occur once on both sides (Bram Cohen's
patience diff); difflib compares what lies between, unless it is so much that it would take minutes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

#: As difflib has them: tag, then from and to in the old and in the new lines.
Opcode = tuple[str, int, int, int, int]

#: Lines of one side times lines of the other; more is shown as replaced whole.
_LARGEST = 4_000_000


def split_lines(content: bytes) -> list[bytes]:
    """Lines with their newlines; nothing but a newline ends a line."""
    lines = content.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def hunks(old: Sequence[bytes], new: Sequence[bytes], context: int = 3) -> Iterator[list[Opcode]]:
    """Groups of differences with lines of context, as for a unified diff."""
    codes = opcodes(old, new)
    group: list[Opcode] = []
    changed = False
    for code in codes:
        if code[0] != "equal":
            group.append(code)
            changed = True
        elif not changed:
            group = [_tail(code, context)]
        elif code is codes[-1] or code[2] - code[1] > 2 * context:
            yield [*group, _head(code, context)]
            group, changed = [_tail(code, context)], False
        else:
            group.append(code)
    if changed:
        yield group


def _head(code: Opcode, lines: int) -> Opcode:
    tag, old_from, old_to, new_from, new_to = code
    return tag, old_from, min(old_to, old_from + lines), new_from, min(new_to, new_from + lines)


def _tail(code: Opcode, lines: int) -> Opcode:
    tag, old_from, old_to, new_from, new_to = code
    return tag, max(old_from, old_to - lines), old_to, max(new_from, new_to - lines), new_to


def opcodes(old: Sequence[bytes], new: Sequence[bytes]) -> list[Opcode]:
    """How to make the new lines of the old ones."""
    return _merge(_matches(old, new), len(old), len(new))


def _matches(old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[tuple[int, int, int]]:
    """Runs of equal lines, ascending: old index, new index, length."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    yield 0, 0, start
    middle_old, middle_new = old[start : len(old) - end], new[start : len(new) - end]
    yield from ((i + start, j + start, size) for i, j, size in _between_anchors(middle_old, middle_new))
    yield len(old) - end, len(new) - end, end


def _between_anchors(old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[tuple[int, int, int]]:
    at_old, at_new = 0, 0
    for anchor_old, anchor_new in [*_anchors(old, new), (len(old), len(new))]:
        part_old, part_new = old[at_old:anchor_old], new[at_new:anchor_new]
        yield from ((i + at_old, j + at_new, size) for i, j, size in _compare(part_old, part_new))
        if anchor_old < len(old):
            yield anchor_old, anchor_new, 1
        at_old, at_new = anchor_old + 1, anchor_new + 1


def _compare(old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[tuple[int, int, int]]:
    if old and new and len(old) * len(new) <= _LARGEST:
        yield from SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()


def _anchors(old: Sequence[bytes], new: Sequence[bytes]) -> list[tuple[int, int]]:
    """Lines that occur once on both sides, the most that come in the same order on both."""
    count_old, count_new = Counter(old), Counter(new)
    place = {line: index for index, line in enumerate(new) if count_new[line] == 1}
    pairs = [(index, place[line]) for index, line in enumerate(old) if count_old[line] == 1 and line in place]
    return _longest_increasing(pairs)


def _longest_increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Patience sorting: the longest subsequence whose second numbers ascend."""
    tops: list[int] = []
    last: list[int] = []
    previous: list[int] = []
    for index, (_, value) in enumerate(pairs):
        pile = bisect_left(tops, value)
        tops[pile : pile + 1] = [value]
        last[pile : pile + 1] = [index]
        previous.append(last[pile - 1] if pile else -1)
    found = []
    index = last[-1] if last else -1
    while index >= 0:
        found.append(pairs[index])
        index = previous[index]
    return found[::-1]


def _merge(matches: Iterator[tuple[int, int, int]], len_old: int, len_new: int) -> list[Opcode]:
    codes: list[Opcode] = []
    at_old, at_new = 0, 0
    for i, j, size in [*matches, (len_old, len_new, 0)]:
        if at_old < i or at_new < j:
            codes.append((_tag(i - at_old, j - at_new), at_old, i, at_new, j))
        if size and codes and codes[-1][0] == "equal":
            codes[-1] = ("equal", codes[-1][1], i + size, codes[-1][3], j + size)
        elif size:
            codes.append(("equal", i, i + size, j, j + size))
        at_old, at_new = i + size, j + size
    return codes


def _tag(from_old: int, from_new: int) -> str:
    if from_old and from_new:
        return "replace"
    return "delete" if from_old else "insert"
