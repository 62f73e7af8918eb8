"""The payment that has an order. The state keeps its id under `order/SCOPE/ID`.

An order id may be longer than a key of the state: then it is under the digest
`long-order/SCOPE/DIGEST`, together with all other order ids of that digest.
"""

from tollgate_handler import state

#: The longest key of the state in bytes.
_LONGEST_KEY = 512


def payment_of(scope: str, order: str) -> str | None:
    """The payment that has the order; None if none has it."""
    key = _key(scope, order)
    if _fits(key):
        return state.get(key)
    return _long_orders(scope, order).get(order)


def assign(scope: str, order: str, payment: str) -> None:
    """Assigns the order to a payment."""
    key = _key(scope, order)
    if _fits(key):
        state.set(key, payment)
        return
    orders = _long_orders(scope, order) | {order: payment}
    state.set(_long_key(scope, order), dict(sorted(orders.items())))


def _key(scope: str, order: str) -> str:
    return f"order/{scope}/{order}"


def _fits(key: str) -> bool:
    return len(key.encode()) <= _LONGEST_KEY


def _long_key(scope: str, order: str) -> str:
    return f"long-order/{scope}/{_digest(order):016x}"


def _long_orders(scope: str, order: str) -> dict[str, str]:
    return state.get(_long_key(scope, order), {})


def _digest(text: str) -> int:
    """The 64-bit FNV-1a hash. Equal digests of two order ids do no harm."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value
