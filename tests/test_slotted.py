"""Dataclasses with slots: what the standard library promises of them holds for those that are made here."""

import copy
import dataclasses
import pickle
import re
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import pytest

import xoproxy
from xoproxy.slotted import dataclass

T = TypeVar("T")
Make = Callable[..., Any]
MAKERS = [pytest.param(dataclasses.dataclass, id="standard library"), pytest.param(dataclass, id="ours")]


def point(make: Make, **options: Any) -> type[Any]:
    @make(slots=True, **options)
    class Point:
        """A point."""

        kind: ClassVar[str] = "point"
        x: int
        y: int = 0
        seen: list[int] = dataclasses.field(default_factory=list[int], compare=False)
        note: str = dataclasses.field(default="", repr=False)

        def moved(self, by: int) -> Any:
            return dataclasses.replace(self, x=self.x + by)

    return Point


@pytest.mark.parametrize("make", MAKERS)
class TestAsTheStandardLibrary:
    """Every test is run with both: they are to agree."""

    def test_values_are_taken_by_place_by_name_and_by_default(self, make: Make) -> None:
        made = point(make, frozen=True)

        assert [made(1, 2).x, made(1, 2).y, made(1).y, made(y=2, x=1).x, made(1, note="n").note] == [1, 2, 0, 1, "n"]
        assert made.kind == made(1).kind == "point"

    def test_a_factory_is_called_for_each_value(self, make: Make) -> None:
        made = point(make, frozen=True)
        given = [1]

        assert made(1).seen == made(1).seen == []
        assert made(1).seen is not made(1).seen
        assert made(1, seen=given).seen is given

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [((), {}), ((1, 2, [], "", 5), {}), ((1,), {"z": 1}), ((1,), {"x": 1})],
        ids=["too few", "too many", "unknown", "twice"],
    )
    def test_wrong_arguments_are_refused_in_the_words_of_any_function(
        self, make: Make, arguments: tuple[Any, ...], named: dict[str, int]
    ) -> None:
        with pytest.raises(TypeError, match=r"Point\.__init__\(\) (?:missing|takes|got)"):
            point(make, frozen=True)(*arguments, **named)

    def test_frozen_values_cannot_be_changed(self, make: Make) -> None:
        value = point(make, frozen=True)(1)

        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
            value.x = 2
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
            del value.x
        assert value.x == 1

    def test_others_can_and_have_no_hash(self, make: Make) -> None:
        value = point(make)(1)
        value.x = 2

        assert value.x == 2
        with pytest.raises(TypeError, match="unhashable"):
            hash(value)

    def test_there_are_slots_and_nothing_else(self, make: Make) -> None:
        made = point(make)

        assert made.__slots__ == ("x", "y", "seen", "note")
        with pytest.raises(AttributeError):
            made(1).z = 1
        assert not hasattr(made(1), "__dict__")

    def test_a_slot_for_weak_references_is_asked_for(self, make: Make) -> None:
        value = point(make, weakref_slot=True)(1)

        assert weakref.ref(value)() is value
        with pytest.raises(TypeError, match="weak reference"):
            weakref.ref(point(make)(1))

    def test_values_are_equal_by_what_is_compared(self, make: Make) -> None:
        made, other = point(make, frozen=True), point(make, frozen=True)

        assert made(1, seen=[1]) == made(1, seen=[2])
        assert hash(made(1, seen=[1])) == hash(made(1, seen=[2]))
        assert made(1) != made(2)
        assert made(1) != other(1)  # another class
        assert made(1) != (1, 0, "")

    def test_without_comparison_a_value_is_equal_to_itself_only(self, make: Make) -> None:
        value, twin = point(make, frozen=True, eq=False)(1), point(make, frozen=True, eq=False)(1)

        assert value == value  # noqa: PLR0124
        assert value != twin
        assert {value: 1}[value] == 1

    def test_one_field_or_none_are_compared_too(self, make: Make) -> None:
        @make(frozen=True, slots=True)
        class One:
            x: int

        @make(frozen=True, slots=True)
        class Nothing:
            pass

        assert One(1) == One(1) != One(2)
        assert Nothing() == Nothing()
        assert hash(Nothing()) == hash(Nothing())

    def test_the_text_names_what_is_to_be_shown(self, make: Make) -> None:
        assert repr(point(make)(1, note="secret")) == "point.<locals>.Point(x=1, y=0, seen=[])"

    def test_functions_of_the_standard_library_work(self, make: Make) -> None:
        value = point(make, frozen=True)(1, 2)

        assert dataclasses.is_dataclass(value)
        assert [field.name for field in dataclasses.fields(value)] == ["x", "y", "seen", "note"]
        assert dataclasses.asdict(value) == {"x": 1, "y": 2, "seen": [], "note": ""}
        assert dataclasses.replace(value, y=3) == type(value)(1, 3)
        assert value.moved(2).x == 3

    def test_patterns_name_fields_by_place(self, make: Make) -> None:
        made = point(make)
        match made(1, 2):
            case made(x, 2):
                assert x == 1
            case _:
                pytest.fail("no match")

    def test_what_is_set_after_the_start_is_no_parameter(self, make: Make) -> None:
        @make(frozen=True, slots=True)
        class Doubled:
            x: int
            twice: int = dataclasses.field(init=False)

            def __post_init__(self) -> None:
                object.__setattr__(self, "twice", 2 * self.x)

        assert Doubled(2).twice == 4
        assert repr(Doubled(2)).endswith("Doubled(x=2, twice=4)")
        assert Doubled.__match_args__ == ("x",)

    def test_a_class_that_inherits_adds_its_own(self, make: Make) -> None:
        @make(frozen=True, slots=True)
        class Base(Generic[T]):
            x: T
            y: int = 1

        @make(frozen=True, slots=True)
        class Wider(Base[int]):
            z: int = 2

        assert Wider(0) == Wider(0, 1, 2)
        assert Wider.__slots__ == ("z",)
        assert repr(Wider(0)).endswith("Wider(x=0, y=1, z=2)")
        assert Wider(0) != Base(0)

    def test_a_default_that_all_would_share_is_refused(self, make: Make) -> None:
        with pytest.raises(ValueError, match="mutable default"):

            @make(slots=True)
            class Shared:
                x: list[int] = []  # noqa: RUF012

    def test_name_module_and_docstring_stay(self, make: Make) -> None:
        made = point(make)

        assert (made.__name__, made.__module__, made.__doc__) == ("Point", __name__, "A point.")
        assert made.__qualname__ == "point.<locals>.Point"
        assert made.__init__.__qualname__ == "point.<locals>.Point.__init__"


@dataclass(frozen=True, slots=True)
class Sent:
    x: object
    twice: object = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "twice", (self.x, self.x))


@dataclass(slots=True)
class Changed:
    x: int
    y: tuple[Sent, ...] = ()


@pytest.mark.parametrize("value", [Sent(Sent(1)), Changed(1, (Sent(2),))])
def test_values_are_pickled_and_copied(value: object) -> None:
    """A large file is compiled by another process."""
    assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == copy.copy(value) == value


def test_a_field_without_default_after_one_with_is_refused() -> None:
    """Type checkers say so, too."""
    with pytest.raises(AssertionError):

        @dataclass(slots=True)
        class Shifted:
            x: int = 1
            y: int


def test_a_compiled_class_keeps_its_attributes() -> None:
    """mypyc compares by the name: such a class has a marker, and its attributes before it comes here."""

    class Compiled:
        __mypyc_attrs__ = ("x",)
        x: int

    made = dataclass(frozen=True, slots=True)(Compiled)

    assert made is Compiled
    assert made(1) == made(1)
    assert not hasattr(made, "__slots__")


def test_the_package_makes_its_dataclasses_nowhere_else() -> None:
    package = Path(xoproxy.__file__).parent
    others = re.compile(r"^\s*from dataclasses import .*\bdataclass\b|\bdataclasses\.dataclass\(", re.MULTILINE)
    found = {str(path.relative_to(package)) for path in package.rglob("*.py") if others.search(path.read_text())}

    assert found == {"slotted.py"}
