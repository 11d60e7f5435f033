"""Compile what every exchange runs through with mypyc, where a build asks for it: `HATCH_BUILD_HOOK_ENABLE_CUSTOM=1`.

The sources stay in the wheel: tracebacks show them.  Which modules: pyproject.toml.  More about it: docs/compiled.md.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledModules(BuildHookInterface[Any]):
    """Puts the compiled modules into the wheel, which then is for one platform and one version of Python."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile.  Not for an editable installation, whose modules are the sources themselves."""
        if version == "editable":
            return
        self._directory = Path(tempfile.mkdtemp())
        binaries = compile_modules(Path(self.root), self.config["modules"], self._directory)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"].update({str(binary): place for binary, place in binaries})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002  hatch's signature
        """Clean up: the wheel is written."""
        if version != "editable":
            shutil.rmtree(self._directory)


def compile_modules(root: Path, modules: list[str], directory: Path) -> list[tuple[Path, str]]:
    """Compile `modules`, as dotted names, in `directory`; return the binaries, each with its place in the wheel."""
    # Installed for this hook only, where it is enabled.
    from mypyc.build import mypycify  # noqa: PLC0415
    from setuptools import Distribution  # noqa: PLC0415
    from setuptools.command.build_ext import build_ext  # noqa: PLC0415

    # The types are checked elsewhere, and strictly; here not even what the modules import need be installed.
    options = ["--follow-imports=silent", "--ignore-missing-imports", f"--cache-dir={directory}/cache"]
    sources = [f"{module.replace('.', '/')}.py" for module in modules]
    with contextlib.chdir(root):
        extensions = mypycify(
            [*options, *sources],
            opt_level=os.environ.get("MYPYC_OPT_LEVEL", "3"),  # mypyc's own names for these two
            debug_level=os.environ.get("MYPYC_DEBUG_LEVEL", "0"),
            target_dir=str(directory / "c"),
            group_name="xoproxy",
        )
        command = build_ext(Distribution({"name": "xoproxy", "ext_modules": extensions}))
        command.build_lib = str(directory / "lib")
        command.build_temp = str(directory / "objects")
        command.ensure_finalized()
        command.run()
    return [(binary, str(binary.relative_to(directory / "lib"))) for binary in (directory / "lib").rglob("*.so")]
