"""The fields of Stripe's objects, checked as they are read.

A payload that has another shape rejects the delivery, and no wrong value reaches an effect.
"""

from typing import Any

from tollgate_handler import PayloadError


class Fields:
    """An object of a payload, with the type of the event for errors."""

    def __init__(self, kind: str, values: dict[str, Any]):
        self._kind = kind
        self._values = values

    def has(self, name: str) -> bool:
        """Whether the field is there: null is Stripe's "there is none", and absent says nothing."""
        return name in self._values

    def any(self, name: str) -> Any:
        """Any value; None for null."""
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        return self._read(name, str, "a text")

    def flag(self, name: str) -> bool | None:
        return self._read(name, bool, "a flag")

    def amount(self, name: str) -> int | None:
        return self._read(name, int, "a whole number")

    def object(self, name: str) -> "Fields | None":
        value = self._read(name, dict, "an object")
        return None if value is None else Fields(self._kind, value)

    def reference(self, name: str) -> str | None:
        """The id of another object: the id alone, or the whole object if the field is expanded."""
        value = self.any(name)
        if value is None:
            return None
        found = value.get("id") if isinstance(value, dict) else value
        if not isinstance(found, str):
            raise self._error(f"`{name}` is not an id or an object with an id")
        return found

    def any_text(self, name: str) -> str | None:
        """A text. A number or a flag counts as the text that it is written as."""
        value = self.any(name)
        if isinstance(value, (dict, list)):
            raise self._error(f"`{name}` is not a text")
        if isinstance(value, bool):
            return "true" if value else "false"
        return None if value is None else str(value)

    def required(self, name: str, value: Any) -> Any:
        """The value, which must be there."""
        if value is None:
            raise self._error(f"missing field `{name}`")
        return value

    def _read(self, name: str, kind: type, what: str) -> Any:
        value = self._values.get(name)
        if value is None or type(value) is kind:
            return value
        raise self._error(f"`{name}` is not {what}")

    def _error(self, why: str) -> PayloadError:
        return PayloadError(f"the payload of {self._kind} cannot be read: {why}")


def present(text: str | None) -> str | None:
    """The trimmed text; None if nothing is left of it."""
    return (text or "").strip() or None
