"""Compiles a handler in Python to a WebAssembly component."""
