"""Frozen dataclasses for modules that must load fast: `dataclasses` takes 18 ms, as it loads `inspect`.

`hardboot info` hashes 64 MiB in 40 ms. What is here does what `dataclasses` does, for frozen classes only;
to a type checker it is `dataclasses`.
"""

TYPE_CHECKING = False  # of `typing`, which takes 11 ms to load
if TYPE_CHECKING:
    from dataclasses import asdict, dataclass, field, replace
else:
    _MISSING = object()

    class _Field:
        __slots__ = ("compare", "default", "default_factory", "repr")

        def __init__(self, default, default_factory, repr, compare):
            self.default = default
            self.default_factory = default_factory
            self.repr = repr
            self.compare = compare

    def field(*, default=_MISSING, default_factory=_MISSING, repr=True, compare=True):
        """What is special about a field; see `dataclasses.field`."""
        return _Field(default, default_factory, repr, compare)

    def dataclass(*, frozen, kw_only=False):
        """Make a class with annotations a record; `frozen` is True. See `dataclasses.dataclass`."""
        assert frozen

        def make(cls):
            fields = dict(getattr(cls, "_record_fields", {}))
            for name in cls.__annotations__:
                given = cls.__dict__.get(name, _MISSING)
                one = given if isinstance(given, _Field) else _Field(given, _MISSING, True, True)
                fields[name] = one
                if one.default is not _MISSING:
                    setattr(cls, name, one.default)
                elif given is one:
                    delattr(cls, name)
            cls._record_fields = fields
            compared = [name for name, one in fields.items() if one.compare]
            cls.__init__ = _late_init(cls, fields, kw_only)

            def values(self):
                return [self.__dict__[name] for name in compared]

            def __eq__(self, other):
                return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

            cls.__eq__ = __eq__
            cls.__hash__ = lambda self: hash(tuple(values(self)))
            cls.__repr__ = _repr
            cls.__setattr__ = cls.__delattr__ = _refuse
            return cls

        return make

    def _late_init(cls, fields, kw_only):
        """`__init__` of a class, made when it is first called: many classes are loaded and never used."""

        def __init__(self, *values, **named):
            made = _init(fields, kw_only, hasattr(cls, "__post_init__"))
            made.__qualname__ = f"{cls.__qualname__}.__init__"
            cls.__init__ = made
            made(self, *values, **named)

        return __init__

    def _init(fields, kw_only, checked):
        """`__init__` of a class with these fields, as fast as if it had been written by hand."""
        names, lines, known = [], [], {"_MISSING": _MISSING}
        for name, one in fields.items():
            known[f"_{name}"] = one.default_factory if one.default is _MISSING else one.default
            value = name
            if one.default is not _MISSING:
                names.append(f"{name}=_{name}")
            elif one.default_factory is not _MISSING:
                names.append(f"{name}=_MISSING")
                value = f"_{name}() if {name} is _MISSING else {name}"
            else:
                names.append(name)
            lines.append(f" _values[{name!r}] = {value}")
        if checked:
            lines.append(" self.__post_init__()")
        star = ["*"] if kw_only else []
        head = f"def __init__({', '.join(['self', *star, *names])}):\n _values = self.__dict__\n"
        exec(head + "\n".join(lines), known)
        return known["__init__"]

    def _repr(self):
        shown = (f"{name}={self.__dict__[name]!r}" for name, one in self._record_fields.items() if one.repr)
        return f"{self.__class__.__qualname__}({', '.join(shown)})"

    def _refuse(self, name, *_):
        raise AttributeError(f"{self.__class__.__qualname__} is frozen: {name} cannot be changed")

    def replace(record, /, **changes):
        """`record` with other values for some fields; see `dataclasses.replace`."""
        kept = {name: record.__dict__[name] for name in record._record_fields}
        return record.__class__(**{**kept, **changes})

    def asdict(record):
        """The fields and their values, which are copied where they are records or containers of such."""
        return {name: _plain(record.__dict__[name]) for name in record._record_fields}

    def _plain(value):
        if hasattr(value, "_record_fields"):
            return asdict(value)
        if isinstance(value, (list, tuple)):
            return type(value)(map(_plain, value))
        return {name: _plain(one) for name, one in value.items()} if isinstance(value, dict) else value


__all__ = ["asdict", "dataclass", "field", "replace"]
