"""The sources of a project, and the imports in its functions.

The component is a snapshot: at run time there is no file to import from. So modules that functions
import are loaded while the component is built, and each such import is a warning.
"""

import ast
from dataclasses import dataclass, field
from pathlib import Path

from .problem import Problem

#: Folders that have no sources of the handler.
_LEFT_OUT = {"target", "sdk", "tests", "fixtures", "node_modules", "__pycache__"}


@dataclass
class Sources:
    """The sources of a project."""

    folder: Path
    #: The module with the handler.
    module: str
    #: The texts of the sources by their names in the project.
    files: dict[str, str] = field(default_factory=dict)
    #: The modules that functions import.
    late: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    #: Whether a source imports `tollgate_handler.http`: such a component has to be granted that.
    asks: bool = False

    @classmethod
    def read(cls, folder: Path, entry: Path) -> "Sources":
        """Reads the sources below a folder."""
        if not (folder / entry).is_file():
            raise Problem(f"there is no {entry} here: write the handler there")
        if entry.parent != Path("."):
            raise Problem(f"{entry} has to be in the project's own folder")
        sources = cls(folder, entry.stem)
        for path in sorted(folder.rglob("*.py")):
            name = path.relative_to(folder)
            if not any(part in _LEFT_OUT or part.startswith(".") for part in name.parts[:-1]):
                sources._add(name, path)
        return sources

    def _add(self, name: Path, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        self.files[name.as_posix()] = text
        try:
            tree = ast.parse(text, str(name))
        except SyntaxError:
            # The interpreter of the component may know newer syntax. If not, it says so.
            return
        for function in ast.walk(tree):
            self.asks = self.asks or _is_http(function)
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                for node in ast.walk(function):
                    self._note(name, node)

    def _note(self, name: Path, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            # What is imported may be a module of a package, too.
            modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            return
        self.late.update(modules)
        warning = (
            f"{name}:{node.lineno}: `{ast.unparse(node)}` is inside a function. At run time "
            "nothing can be imported; the module was loaded at the build instead. Move the import "
            "to the top"
        )
        if warning not in self.warnings:
            self.warnings.append(warning)


def _is_http(node: ast.AST) -> bool:
    """Whether this imports `tollgate_handler.http`."""
    if isinstance(node, ast.Import):
        return any(alias.name == "tollgate_handler.http" for alias in node.names)
    if not isinstance(node, ast.ImportFrom):
        return False
    names = [alias.name for alias in node.names]
    package = node.module == "tollgate_handler" and "http" in names
    return package or node.module == "tollgate_handler.http"
