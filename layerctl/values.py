"""Value classes, as :mod:`dataclasses` makes them, at a thirtieth of the price.

A dataclass is half a dozen functions that are put together as source text and compiled when its module is loaded: a
third of a millisecond each, and a short verb loads fifty. Here, that happens to ``__init__`` alone, and when the first
instance is made; the other methods are shared.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform, overload

if TYPE_CHECKING:
    from collections.abc import Callable

_Value = TypeVar("_Value")

_NO_DEFAULT = object()


class FrozenInstanceError(AttributeError):
    """Somebody tried to change a value."""


class _Factory:
    """Makes the default of a field anew for each instance."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def field(*, default_factory: Callable[[], Any]) -> Any:
    """A field whose default is made anew for each instance."""
    return _Factory(default_factory)


@overload
def frozen(cls: type[_Value], /) -> type[_Value]: ...
@overload
def frozen(*, order: bool = False) -> Callable[[type[_Value]], type[_Value]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[_Value] | None = None, /, *, order: bool = False) -> Any:
    """Makes a class of frozen values with slots, as ``dataclass(frozen=True, slots=True)`` does.

    Equal are two of one class whose fields are equal; the hash goes with that. A base class may be a value class too;
    its fields come first.

    Args:
        cls: its annotations are the fields, ``__post_init__`` may check or complete a new instance.
        order: instances can be sorted, by their fields in order.
    """
    shared = {**_FROZEN, **(_ORDER if order else {})}
    return _made(cls, shared) if cls is not None else lambda cls: _made(cls, shared)


@dataclass_transform(field_specifiers=(field,))
def record(cls: type[_Value], /) -> type[_Value]:
    """Makes a class with slots whose instances change, as ``dataclass(slots=True)`` does."""
    made: type[_Value] = _made(cls, _SHARED)
    return made


def replace(old: _Value, /, **changes: Any) -> _Value:
    """A new value with some fields changed.

    Raises:
        TypeError: there is no such field.
    """
    return type(old)(**{**{name: getattr(old, name) for name in field_names(old)}, **changes})


def field_names(of: Any) -> tuple[str, ...]:
    """The names of the fields of a value or a class, in order."""
    names: tuple[str, ...] = of.__match_args__
    return names


def _made(cls: Any, shared: dict[str, Any]) -> Any:
    """The class anew: slots cannot be added to one that exists."""
    namespace = {name: item for name, item in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    own = tuple(namespace.get("__annotations__", ()))
    names = tuple(dict.fromkeys((*getattr(cls, "__match_args__", ()), *own)))
    defaults = {**getattr(cls, "_defaults", {}), **{name: namespace.pop(name) for name in own if name in namespace}}
    return type(cls)(
        cls.__name__,
        cls.__bases__,
        {
            **shared,
            **namespace,
            "__slots__": own,
            "__match_args__": names,
            "_defaults": defaults,
            "_values": attrgetter(*names) if names else staticmethod(lambda _: ()),
            "__init__": namespace.get("__init__", _first_init),
        },
    )


def _first_init(self: Any, *args: Any, **kwargs: Any) -> None:
    """Makes the class's true ``__init__`` when there is a first instance."""
    cls: Any = next(base for base in type(self).__mro__ if "_values" in vars(base))
    cls.__init__ = _init_of(cls)
    cls.__init__(self, *args, **kwargs)


def _init_of(cls: Any) -> Any:
    parameters, lines = ["self"], []
    scope: dict[str, Any] = {"_set": object.__setattr__, "_NO_DEFAULT": _NO_DEFAULT}
    is_frozen = cls.__setattr__ is _refuse
    for name in cls.__match_args__:
        default = cls._defaults.get(name, _NO_DEFAULT)
        given = name
        if default is not _NO_DEFAULT:
            scope[f"_{name}"] = default.make if isinstance(default, _Factory) else default
        if isinstance(default, _Factory):
            given = f"_{name}() if {name} is _NO_DEFAULT else {name}"
        parameters.append(
            name if default is _NO_DEFAULT else f"{name}={'_NO_DEFAULT' if given != name else f'_{name}'}"
        )
        lines.append(f"_set(self, {name!r}, {given})" if is_frozen else f"self.{name} = {given}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n " + "\n ".join(lines or ["pass"]), scope)
    init = scope["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _repr(self: Any) -> str:
    fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in field_names(self))
    return f"{type(self).__qualname__}({fields})"


def _eq(self: Any, other: Any) -> Any:
    return self._values(self) == self._values(other) if other.__class__ is self.__class__ else NotImplemented


def _lt(self: Any, other: Any) -> Any:
    return self._values(self) < self._values(other) if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    return hash(self._values(self))


def _reduce(self: Any) -> tuple[Any, ...]:
    return type(self), tuple(getattr(self, name) for name in field_names(self))


def _refuse(self: Any, name: str, *_: Any) -> None:
    raise FrozenInstanceError(f"{type(self).__qualname__}.{name} cannot be changed")


_SHARED: dict[str, Any] = {"__repr__": _repr, "__eq__": _eq, "__hash__": None, "__reduce__": _reduce}
_FROZEN: dict[str, Any] = {**_SHARED, "__hash__": _hash, "__setattr__": _refuse, "__delattr__": _refuse}
_ORDER: dict[str, Any] = {"__lt__": _lt, "__gt__": lambda self, other: _lt(other, self)}
