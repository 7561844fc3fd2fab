"""Records are what `dataclasses` makes of the same classes."""

import dataclasses
from typing import Any

import pytest

from hardboot import records


def classes(module: Any) -> tuple[Any, Any]:
    """A class and one derived from it, made with `module.dataclass`."""

    @module.dataclass(frozen=True)
    class Part:
        name: str
        data: bytes = module.field(repr=False, default=b"")
        notes: dict[str, int] = module.field(compare=False, default_factory=dict)

        def __post_init__(self) -> None:
            if not self.name:
                raise ValueError("no name")

    @module.dataclass(frozen=True, kw_only=True)
    class Image:
        parts: tuple[Any, ...] = ()
        size: int

    return Part, Image


@pytest.fixture(params=[dataclasses, records], ids=["dataclasses", "records"])
def module(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_fields_are_given_by_place_or_by_name(module: Any) -> None:
    part, image = classes(module)
    assert (part("a", b"x").name, part("a", b"x").data, part(name="a").data) == ("a", b"x", b"")
    assert (image(size=4).parts, image(parts=(1,), size=4).size) == ((), 4)
    for made, words, named in ((part, (), {}), (image, (4,), {}), (part, ("a",), {"other": 1})):
        with pytest.raises(TypeError):
            made(*words, **named)


def test_a_default_that_is_made_is_made_each_time(module: Any) -> None:
    part, _ = classes(module)
    assert part("a").notes == {}
    assert part("a").notes is not part("a").notes
    assert part("a", notes={"n": 1}).notes == {"n": 1}


def test_equal_is_what_compared_fields_say(module: Any) -> None:
    part, image = classes(module)
    assert part("a", b"x", {"n": 1}) == part("a", b"x")
    assert hash(part("a", b"x", {"n": 1})) == hash(part("a", b"x"))
    assert part("a", b"x") != part("a", b"y")
    assert part("a") != image(size=1)
    assert part("a") != "a"


def test_nothing_can_be_changed(module: Any) -> None:
    part, _ = classes(module)
    one = part("a")
    with pytest.raises(AttributeError):
        one.name = "b"
    with pytest.raises(AttributeError):
        del one.name
    assert one.name == "a"


def test_a_changed_copy_is_checked_too(module: Any) -> None:
    part, _ = classes(module)
    assert module.replace(part("a", b"x"), name="b") == part("b", b"x")
    with pytest.raises(ValueError, match="no name"):
        module.replace(part("a"), name="")
    with pytest.raises(TypeError):
        module.replace(part("a"), other=1)


def test_what_is_shown_and_what_becomes_a_document(module: Any) -> None:
    part, image = classes(module)
    assert repr(part("a", b"x")).endswith("Part(name='a', notes={})")
    assert module.asdict(image(parts=(part("a", notes={"n": 1}),), size=2)) == {
        "parts": ({"name": "a", "data": b"", "notes": {"n": 1}},),
        "size": 2,
    }


def test_a_derived_class_has_the_fields_of_both(module: Any) -> None:
    part, _ = classes(module)
    signed = module.dataclass(frozen=True)(
        type("Signed", (part,), {"__annotations__": {"key": int}, "key": 1, "__module__": __name__})
    )
    assert (signed("a", key=2).key, signed("a").data) == (2, b"")
    assert signed("a") != part("a")
