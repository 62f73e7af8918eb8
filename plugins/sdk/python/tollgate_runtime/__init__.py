"""The part of a component beside the handler itself. Not for use in tests."""
