"""Value classes behave as dataclasses do."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from layerctl import values
from layerctl.values import FrozenInstanceError, field, field_names, frozen, record, replace


@frozen
class Point:
    """A point."""

    x: int
    y: int = 2
    tags: list[str] = field(default_factory=list)

    @property
    def sum(self) -> int:
        return self.x + self.y


@frozen(order=True)
class Version:
    major: int
    minor: int = 0


@frozen
class Named(Point):
    name: str = ""

    def __post_init__(self) -> None:
        if self.name == "bad":
            raise ValueError(self.name)


@record
class Counter:
    count: int = 0
    seen: dict[str, int] = field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    x: int
    y: int = 2
    tags: list[str] = dataclasses.field(default_factory=list)


def test_instances() -> None:
    point = Point(1)
    assert (point.x, point.y, point.tags, point.sum) == (1, 2, [], 3)
    assert Point(1, y=5, tags=["a"]).tags == ["a"]
    assert Point(1).tags is not Point(1).tags
    assert repr(point).replace("Point", "") == repr(Model(1)).replace("Model", "")
    assert point.__doc__ == "A point."


@pytest.mark.parametrize("wrong", [{}, {"x": 1, "z": 2}])
def test_wrong_arguments(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="__init__"):
        Point(**wrong)


def test_equality_and_hash() -> None:
    assert Version(1) == Version(1, 0) != Version(2)
    assert Version(1) != (1, 0)
    assert len({Version(1), Version(1, 0), Version(1, 1)}) == 2
    assert Point(1) != Named(1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Counter())


def test_frozen() -> None:
    version = Version(1)
    for change in (
        lambda: setattr(version, "major", 2),
        lambda: delattr(version, "minor"),
        lambda: setattr(version, "new", 1),
    ):
        with pytest.raises(FrozenInstanceError):
            change()
    assert version == Version(1)


def test_order() -> None:
    assert sorted([Version(2), Version(1, 5), Version(1)]) == [Version(1), Version(1, 5), Version(2)]
    assert Version(2) > Version(1, 9)
    with pytest.raises(TypeError):
        _ = Point(1) < Point(2)  # type: ignore[operator]
    with pytest.raises(TypeError):
        _ = Version(1) < 2  # type: ignore[operator]


def test_bases_and_checks() -> None:
    named = Named(1, name="n")
    assert field_names(Named) == ("x", "y", "tags", "name")
    assert (named.sum, named.name) == (3, "n")
    assert isinstance(named, Point)
    with pytest.raises(ValueError, match="bad"):
        Named(1, name="bad")


def test_a_plain_subclass() -> None:
    class Plain(Version):
        pass

    assert (Plain(3).major, Version(4).major, type(Plain(3))) == (3, 4, Plain)


def test_records_change() -> None:
    counter = Counter()
    counter.count += 1
    counter.seen["a"] = 1
    assert counter == Counter(1, {"a": 1})
    assert Counter().seen == {}
    with pytest.raises(AttributeError):
        counter.new = 1  # type: ignore[attr-defined]


def test_replace() -> None:
    assert replace(Point(1), y=7) == Point(1, 7)
    assert replace(Named(1), name="n") == Named(1, name="n")
    with pytest.raises(TypeError):
        replace(Point(1), z=1)


def test_copies() -> None:
    point = Named(1, tags=["a"], name="n")
    for made in (copy.copy(point), copy.deepcopy(point), pickle.loads(pickle.dumps(point))):
        assert made == point
    assert copy.deepcopy(point).tags is not point.tags


def test_matching() -> None:
    match Point(1, 5):
        case Point(x, y):
            assert (x, y) == (1, 5)


def test_nothing_is_compiled_before_the_first_instance() -> None:
    @frozen
    class Fresh:
        a: int

    assert Fresh.__init__ is values._first_init  # type: ignore[misc]
    Fresh(1)
    assert Fresh.__init__ is not values._first_init  # type: ignore[misc]
