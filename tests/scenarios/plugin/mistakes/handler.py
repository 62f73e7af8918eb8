"""Mistakes of handlers in Python, a function each. `python.rs` says how each has to end."""

import logging
import random
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from tollgate_handler import (
    Reject, Retry, done, emit, handler, ignored, log, outbox, schedule, state,
)

OF_THE_MODULE = random.Random()
SEEDED = random.Random(42)


def deep(event):
    return event.json()["data"]["id"]


class Err(Exception):
    """As componentize-py's own `Err`."""


WRONG = {
    "none": lambda _: None,
    "text": lambda _: "done",
    "err": lambda _: Err("no"),
    "failure": lambda _: Reject("no"),
    "class": lambda _: Retry,
    "missing": deep,
    "divided": lambda _: 1 / 0,
    "exits": lambda _: exit_now(),
    "float": lambda _: state.add("n", 1.5),
    "huge": lambda _: state.add("n", 2**63),
    "number": lambda _: state.set_bytes("n", 7),
    "key": lambda _: state.get(b"n"),
    "body": lambda _: outbox.post("https://shop.example.com/paid", json={"a": float("nan")}),
    "surrogate": lambda _: state.set("\ud800", 1),
    "import": lambda _: __import__("wave"),
    "deep": lambda _: recursive(),
}


def exit_now():
    raise SystemExit(3)


def recursive():
    return recursive()


for name, function in WRONG.items():
    handler(name)(function)


@handler("buffers")
def buffers(_):
    state.set_bytes("bytes", b"a")
    state.set_bytes("bytearray", bytearray(b"b"))
    state.set_bytes("memoryview", memoryview(b"c"))
    state.set_bytes("str", "ä")
    return done()


@handler("exact")
def exact(event):
    state.set("amount", event.json()["amount"])
    emit.event("noted", json={"price": str(event.json(parse_float=Decimal)["price"])})
    return done()


@handler("late")
def late(_):
    import colorsys

    berlin = datetime(2026, 7, 1, tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin"))
    state.set(
        "late",
        {
            "strptime": datetime.strptime("2026-01-02", "%Y-%m-%d").year,
            "cp1252": "€".encode("cp1252").hex(),
            "idna": "exämple.com".encode("idna").decode(),
            "zone": berlin.hour,
            "decimal": str(Decimal("0.1") + 1),
            "colorsys": colorsys.rgb_to_hsv(0, 0, 0)[2],
            "uuid": uuid.uuid4().version,
        },
    )
    return done()


@handler("chance")
def chance(_):
    log.info(f"chance {random.random()} {OF_THE_MODULE.random()} {uuid.uuid4()}")
    log.info(f"seeded {SEEDED.random()}")
    return done()


@handler("strange")
def strange(_):
    log.info("half \ud800 a pair", value=b"\xff", other=[1])
    log.warn("x" * 100_000)
    logging.getLogger("shop").warning("from %s", "logging")
    print("printed")
    return ignored("fine")


@handler("waits")
def waits(_):
    state.set("lost", 1)
    raise Retry("busy", after=timedelta(minutes=10))


@handler("refuses")
def refuses(_):
    schedule.put("lost", "a", after="1d")
    raise Reject("no such order")
