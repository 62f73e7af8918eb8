"""Makes a component: componentize-py loads the handler and keeps a snapshot of the interpreter."""

import importlib.util
import shutil
import tempfile
from pathlib import Path

import componentize_py

from .messages import explained
from .problem import Problem
from .sources import Sources

_SDK = Path(__file__).resolve().parent.parent


def compile_component(sources: Sources, packages: Path | None, out: Path) -> None:
    """Writes the component of a project. `packages` is a folder with the handler's packages."""
    out.parent.mkdir(parents=True, exist_ok=True)
    # A running gateway watches the folder: the file appears whole.
    part = out.with_name(f".{out.name}.new")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tollgate_project.py").write_text(
            f"MODULE = {sources.module!r}\n"
            f"PRELOAD = {sorted(sources.late)!r}\n"
            f"SOURCES = {sources.files!r}\n",
            encoding="utf-8",
        )
        if "zoneinfo" in "".join(sources.files.values()):
            _add_zones(Path(folder))
        # These folders alone: `componentize-py` as a command adds the site-packages of whatever
        # Python it finds.
        places = [str(sources.folder), str(_SDK), folder]
        if packages is not None:
            places.append(str(packages))
        try:
            _componentize(places, part, sources.asks)
        except AssertionError as error:
            part.unlink(missing_ok=True)
            raise Problem(explained(str(error), sources.module)) from None
    part.replace(out)


def _add_zones(folder: Path) -> None:
    """Adds the data of time zones, which are a package beside the compiler."""
    found = importlib.util.find_spec("tzdata")
    if found is not None and found.origin is not None:
        shutil.copytree(Path(found.origin).parent, folder / "tzdata")


def _componentize(places: list[str], out: Path, asks: bool) -> None:
    componentize_py.componentize(
        wit_path=[str(_SDK / ("asking" if asks else "wit"))],
        # One world that has all imports: componentize-py fails on two that a component shares.
        worlds=["asking-handler" if asks else "handler"],
        features=[],
        all_features=False,
        world_module=None,
        python_path=places,
        module_worlds=[],
        app_name="tollgate_runtime.app",
        output_path=str(out),
        # Never stubbed: random numbers would repeat, and no error would be seen.
        stub_wasi=False,
        import_interface_names=[],
        export_interface_names=[],
        full_names=False,
        intersect_world=None,
    )
