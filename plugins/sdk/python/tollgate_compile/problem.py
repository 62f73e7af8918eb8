"""A mistake in the handler."""


class Problem(Exception):
    """The message says where, and what to write instead."""
