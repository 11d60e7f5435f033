"""`dataclass` for classes with slots, made in an eighth of the time that the standard library takes.

It compiles the texts of six methods for each frozen class, and inspects a class without a docstring: for the 135 classes of a
start 28 % of all instructions until the first answer.  Here only `__init__` is compiled, because requests call it, and stores
by the slots themselves in place of ``object.__setattr__``, which is no slower, where values are frozen.

Type checkers and mypyc see the standard library's own; its `field`, `fields`, `replace` and `asdict` work on what is made here.
"""

import dataclasses
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from types import CodeType, FunctionType, new_class
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypeVar

__all__ = ["dataclass"]

T = TypeVar("T")
_Fields = tuple[dataclasses.Field[Any], ...]

_MISSING: Final = dataclasses.MISSING
_read_fields: Final = dataclasses.dataclass(init=False, repr=False, eq=False, match_args=False)


def slotted(
    *, slots: Literal[True], frozen: bool = False, eq: bool = True, weakref_slot: bool = False
) -> Callable[[type[T]], type[T]]:
    """Return a decorator that makes a class a dataclass.  `slots` is there for type checkers, and for who reads."""
    assert slots

    def decorate(cls: type[T]) -> type[T]:
        if hasattr(cls, "__mypyc_attrs__"):  # compiled: it has its attributes already, and they are no slots
            return _compiled(cls, frozen=frozen, eq=eq)
        return _with_slots(cls, ("__weakref__",) if weakref_slot else (), frozen=frozen, eq=eq)

    return decorate


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = slotted


def _compiled(cls: type[T], *, frozen: bool, eq: bool) -> type[T]:
    """Return the class with the standard library's methods; if it is frozen, pickled as ours are: theirs sets attributes."""
    made = dataclasses.dataclass(frozen=frozen, eq=eq)(cls)
    if frozen:
        names = tuple(field.name for field in dataclasses.fields(made) if field.init)  # type: ignore[arg-type]
        setattr(made, "__reduce__", _reduced(names))  # noqa: B010  a type checker takes an assignment for a mistake
    return made


def _with_slots(cls: type[T], besides: tuple[str, ...], *, frozen: bool, eq: bool) -> type[T]:
    """Return the class made once more: it is given slots when it is made, or never.  `besides`: slots that are no fields."""
    cls.__doc__ = cls.__doc__ or cls.__name__  # or the standard library makes a text of its signature
    _read_fields(cls)
    fields: _Fields = dataclasses.fields(cls)  # type: ignore[arg-type]  # it is a dataclass by now
    names = [field.name for field in fields]
    initial = tuple(field.name for field in fields if field.init)
    inherited = {slot for base in cls.__mro__[1:] for slot in getattr(base, "__slots__", ())}
    space = {
        **_repr(tuple(field.name for field in fields if field.repr)),
        **(_eq(tuple(field.name for field in fields if field.compare), hashed=frozen) if eq else {}),
        **(_frozen(initial) if frozen else {}),
        **{name: value for name, value in vars(cls).items() if name not in {*names, "__dict__", "__weakref__"}},
        "__qualname__": cls.__qualname__,
        "__slots__": tuple(name for name in (*names, *besides) if name not in inherited),
        "__match_args__": initial,
    }
    made: type[T] = new_class(cls.__name__, cls.__bases__, exec_body=lambda namespace: namespace.update(space))
    setattr(made, "__init__", _init(made, fields, frozen=frozen))  # noqa: B010  a type checker takes an assignment for a mistake
    return made


def _init(cls: type, fields: _Fields, *, frozen: bool) -> FunctionType:
    """Return `__init__`, with a parameter for each field but for those that `__post_init__` sets."""
    fields = tuple(field for field in fields if field.init)
    is_made = tuple(field.default_factory is not _MISSING for field in fields)
    settable = () if frozen else tuple(field.name for field in fields)
    code = _init_code(is_made, settable, calls_post_init=hasattr(cls, "__post_init__"))
    named = code.replace(co_varnames=("self", *(field.name for field in fields)))
    space: dict[str, object] = {"missing": _MISSING}
    for number, field in enumerate(fields):
        space[f"set_{number}"] = getattr(cls, field.name).__set__
        space[f"make_{number}"] = field.default_factory
    optional = [field for field in fields if field.default is not _MISSING or field.default_factory is not _MISSING]
    assert optional == list(fields[len(fields) - len(optional) :])  # or a default would go to another field
    init = FunctionType(named, space, "__init__", tuple(field.default for field in optional))
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


@cache
def _init_code(is_made: tuple[bool, ...], settable: tuple[str, ...], *, calls_post_init: bool) -> CodeType:
    """Return the code of an `__init__` by how many fields there are and which have factories: few texts are compiled.

    `settable`: the fields' names where they can be set.  Few classes let them, and for those that do it takes a quarter of the
    time that the slots would.
    """
    parameters = ["self"]
    lines = [" self.__post_init__()"] if calls_post_init else [" return"]
    for number, made in enumerate(is_made):
        parameters.append(f"field_{number}")
        value = f"make_{number}() if field_{number} is missing else field_{number}" if made else f"field_{number}"
        lines.insert(number, f" self.{settable[number]} = {value}" if settable else f" set_{number}(self, {value})")
    space: dict[str, FunctionType] = {}
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines), space)  # noqa: S102  a text of ours
    return space["__init__"].__code__


def _repr(names: tuple[str, ...]) -> dict[str, Any]:
    def described(self: object) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return {"__repr__": described}


def _eq(names: tuple[str, ...], *, hashed: bool) -> dict[str, Any]:
    values = _values(names)

    def equals(self: object, other: object) -> bool:
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    def hash_of(self: object) -> int:
        return hash(values(self))

    return {"__eq__": equals, "__hash__": hash_of if hashed else None}


def _frozen(names: tuple[str, ...]) -> dict[str, Any]:
    """Return what refuses changes, and pickles and copies by `names`, which `__init__` takes: others set the slots."""
    return {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete, "__reduce__": _reduced(names)}


def _reduced(names: tuple[str, ...]) -> Callable[[object], tuple[type, tuple[object, ...]]]:
    values = _values(names)

    def reduced(self: object) -> tuple[type, tuple[object, ...]]:
        return type(self), values(self)

    return reduced


def _values(names: tuple[str, ...]) -> Callable[[object], tuple[object, ...]]:
    if len(names) > 1:
        return attrgetter(*names)  # of one name it would return no tuple
    return lambda self: tuple(getattr(self, name) for name in names)


def _refuse_to_set(_self: object, name: str, _value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
