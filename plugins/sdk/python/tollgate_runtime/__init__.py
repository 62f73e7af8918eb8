"""The part of a component beside the handler itself. Not for use in tests."""

import sys

# The folders of the project are open for writing while the component is built.
sys.dont_write_bytecode = True
