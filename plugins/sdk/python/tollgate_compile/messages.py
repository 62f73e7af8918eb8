"""The messages of componentize-py, cut to what the author of a handler needs."""

import re

_REQUESTS = (
    "requests go out after the commit: `outbox.post(url, json=…)`; a handler that has to know the "
    "answer imports `http` from `tollgate_handler`"
)

#: Modules that a component does not have, and what to use instead.
_ABSENT = {
    "ssl": _REQUESTS,
    "_ssl": _REQUESTS,
    "socket": _REQUESTS,
    "_socket": _REQUESTS,
    "_multiprocessing": "a handler has one thread and starts no programs",
    "_posixsubprocess": "a handler starts no programs",
    "sqlite3": "the handler's data are in `state`",
    "_sqlite3": "the handler's data are in `state`",
}


def explained(text: str, module: str) -> str:
    """The traceback of the handler's own code, and what to write instead."""
    problems = re.findall(r"^tollgate_runtime\.preload\.Problem: (.*)$", text, re.MULTILINE)
    if problems:
        return problems[-1]
    traceback = _own_part(text)
    missing = re.search(r"No module named '([^']+)'", traceback)
    if missing is None:
        return f"{module}.py fails as it is loaded:\n{traceback}"
    name = missing[1]
    root = name.split(".")[0]
    if root in _ABSENT:
        advice = f"a component has no module {name}: {_ABSENT[root]}"
    else:
        advice = f"there is no module {name}. If PyPI has it, add it to requirements.txt"
    return f"{traceback}\n{advice}"


def _own_part(text: str) -> str:
    """The last traceback, without the frames of the SDK and of Python's import system."""
    start = text.rfind("Traceback (most recent call last)")
    if start < 0:
        return text.split("\n\nCaused by:")[0].strip()
    lines = []
    keep = True
    for line in text[start:].splitlines()[1:]:
        frame = re.match(r'  File "(.*?)", line', line)
        if frame:
            keep = not re.search(
                r"tollgate_(runtime|handler)/|^<frozen|^/python/importlib", frame[1]
            )
        elif line.strip() == "" or re.match(r"(Caused by|Stack backtrace|\d+: )", line.strip()):
            break
        elif not line.startswith("    "):
            keep = True
        if keep:
            lines.append(re.sub(r'File "/\d+/', 'File "', line))
    return "\n".join(lines)
