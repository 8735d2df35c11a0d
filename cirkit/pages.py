"""Pages: every notebook source becomes an executed notebook, and those and the prose become the book.

Jupyter Book and papermill publish a page that crashed and accept any parameter; the gates here do not.
"""

import ast
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cirkit import standalone
from cirkit.errors import Problem, suggestion
from cirkit.files import draft, write_atomically

ROOT = Path(__file__).resolve().parents[1]
CELL_LIMIT = 900  # seconds a single cell may take
PACKAGES = ("torch", "numpy", "pandas", "matplotlib", "seaborn", "anywidget", "jupytext", "papermill", "myst-nb")
EVIDENCE = (
    "data/records/**/*", "data/exhibits/**/*", "data/local/*/**/*", "data/reported/*", "data/synthesis/*",
    "data/ledger.csv",
)  # fmt: skip
SETTINGS = {
    "TQDM_DISABLE": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


@dataclass(frozen=True)
class ExecutedPage:
    """One executed notebook: `source` ran into `output`, or was already there (`cached`).

    A page for other parameters than the book's is HTML, too.
    """

    source: Path
    output: Path
    seconds: float
    cached: bool
    html: Path | None = None

    def row(self) -> dict[str, object]:
        """The page as a line of a report."""
        row = {"page": self.source.stem, "output": str(self.output), "seconds": self.seconds, "cached": self.cached}
        return row if self.html is None else row | {"html": str(self.html)}


def pages(
    only: str | None = None, parameters: Mapping[str, str] | None = None, *, root: Path = ROOT
) -> list[ExecutedPage]:
    """Run the notebooks that are out of date; `only` names one of them, such as `maaf/table_1_css`.

    Pages with default parameters go to `book/executed/`; with others to `_build/pages/`, as a notebook and as HTML, so
    that the book never shows a private setting. Raises Problem for an unknown notebook or parameter, a wrong type,
    and a cell that fails.
    """
    sources = notebooks(root)
    if only is not None:
        name = only.removeprefix("notebooks/").removesuffix(".py")
        sources = [source for source in sources if name_of(source, root) == name]
        if not sources:
            known = [name_of(source, root) for source in notebooks(root)]
            advice = suggestion(only, known) or f"Choose one of: {', '.join(known)}."
            raise Problem(f"There is no notebook {only!r}. {advice}")
    if parameters and only is None:
        raise Problem("Parameters belong to one notebook. Name it: cirkit pages --only NOTEBOOK -p NAME VALUE.")
    evidence = hash_of_package(root)
    return [run(source, parameters or {}, evidence, root) for source in sources]


def run(source: Path, parameters: Mapping[str, str], evidence: str, root: Path = ROOT) -> ExecutedPage:
    """Execute one notebook unless its page is there already; `evidence` is the hash of package and data."""
    import jupytext
    import nbformat

    notebook = jupytext.read(source)
    defaults = declared_parameters(source, notebook)
    given = {name: typed(source, defaults, name, text) for name, text in parameters.items()}
    changed = {name: value for name, value in given.items() if value != defaults[name]}
    key = key_of(source.read_bytes(), defaults | given, evidence)
    name = name_of(source, root)
    if changed:
        output = root / "_build" / "pages" / f"{name}-{key[:12]}.ipynb"
    else:
        output = root / "book" / "executed" / f"{name}.ipynb"
    html = output.with_suffix(".html") if changed else None
    sidecar = output.with_suffix(".json")
    before = read_sidecar(sidecar)
    if before.get("key") == key and output.exists() and before.get("output") == digest(output.read_bytes()):
        if html is not None and not html.exists():
            write_atomically(html, standalone.page(nbformat.read(output, 4), html, root, changed))
        return ExecutedPage(source, output, before["seconds"], cached=True, html=html)
    print(f"running {name}", file=sys.stderr, flush=True)
    started = time.perf_counter()
    executed = execute(source, notebook, changed, root)
    seconds = round(time.perf_counter() - started, 1)
    content = nbformat.writes(executed).encode()
    write_atomically(output, content)
    if html is not None:
        write_atomically(html, standalone.page(executed, html, root, changed))
    facts = {"key": key, "output": digest(content), "parameters": defaults | given, "seconds": seconds}
    write_atomically(sidecar, json.dumps(facts | {"where": machine()}, indent=1) + "\n")
    return ExecutedPage(source, output, seconds, cached=False, html=html)


def execute(source: Path, notebook: dict, parameters: Mapping[str, object], root: Path = ROOT) -> dict:
    """The notebook with its outputs, free of times and widget state. Raises Problem naming the cell that failed."""
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata["language_info"] = {"name": "python"}
    running = parameters.get("run") == "missing"  # hours, perhaps: no limit, and progress on the terminal
    before = {name: os.environ.get(name) for name in SETTINGS}
    os.environ.update(SETTINGS | ({"TQDM_DISABLE": ""} if running else {}))
    short = Path("/tmp") if Path("/tmp").is_dir() else Path(tempfile.gettempdir())  # a socket path must be short
    folder = draft(short / "ck")  # what a killed process left there goes with the next
    try:
        folder.mkdir(mode=0o700)
        written = folder / "page.ipynb"
        executed = papermill.execute_notebook(
            notebook,
            str(written),
            parameters=dict(parameters),
            kernel_name="python3",
            progress_bar=False,
            execution_timeout=None if running else CELL_LIMIT,
            stderr_file=sys.stderr if running else None,
            cwd=str(root),
            kernel_manager_class=ipc_kernels(str(folder)),
        )
    except papermill.PapermillExecutionError as error:
        raise Problem(failure(source, error.cell_index, error.source, error.ename, error.evalue)) from error
    except CellTimeoutError as error:
        raise Problem(
            f"{source.name}: a cell ran longer than {CELL_LIMIT} seconds. Move its work into a record (cirkit run)."
        ) from error
    except DeadKernelError as error:
        raise Problem(f"{source.name}: its Python process died. Give it more memory or a smaller scale.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    for number, cell in enumerate(executed.cells):
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                raise Problem(failure(source, number, cell.source, output.ename, output.evalue))
        if running and cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return without_traces(executed, root)


def ipc_kernels(folder: str) -> type:
    """Kernels of this very Python that talk over sockets in `folder`: no port to race for, no kernel to install."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--IPKernelApp.log_level=50"]

    class Kernels(AsyncKernelManager):
        """One kernel over IPC."""

        kernel_spec = KernelSpec(argv=command, display_name="Python 3", language="python")

        def __init__(self, *arguments: object, **settings: object):
            super().__init__(*arguments, **settings)
            self.transport = "ipc"
            self.ip = f"{folder}/k"

    return Kernels


def without_traces(notebook: dict, root: Path) -> dict:
    """The notebook without widget state, times and paths of the machine it ran on."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        for trace in ("papermill", "execution"):
            cell.metadata.pop(trace, None)
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
            if "text" in output:
                output["text"] = output["text"].replace(str(root), ".")
    return notebook


def declared_parameters(source: Path, notebook: dict) -> dict[str, object]:
    """Names and default values of the one cell tagged `parameters`; it may hold literals alone."""
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    if len(cells) != 1:
        raise Problem(
            f"{source.name} has {len(cells)} cells tagged parameters. Give it exactly one, the second cell of the page."
        )
    out: dict[str, object] = {}
    for node in ast.parse(cells[0].source).body:
        try:
            if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
                raise ValueError
            out[node.targets[0].id] = ast.literal_eval(node.value)
        except ValueError:
            line = ast.unparse(node)
            raise Problem(
                f"{source.name}: the parameters cell holds `{line}`, which is no literal. Move it to the next cell."
            ) from None
    return out


def typed(source: Path, defaults: Mapping[str, object], name: str, text: str) -> object:
    """`text` as a value of the type that the parameter has by default."""
    if name not in defaults:
        known = ", ".join(defaults) or "none"
        raise Problem(f"{source.name} has no parameter {name!r}. It has: {known}.")
    default = defaults[name]
    if isinstance(default, str):
        return text
    try:
        value = {"true": True, "false": False}[text.lower()] if isinstance(default, bool) else ast.literal_eval(text)
    except (ValueError, SyntaxError, KeyError):
        value = None
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(default):
        kind = type(default).__name__
        raise Problem(f"{source.name}: parameter {name} takes {kind}, not {text!r}. Write one, such as {default!r}.")
    return value


def notebooks(root: Path = ROOT) -> list[Path]:
    """The sources of all pages; not the copies that JupyterLab keeps in hidden folders."""
    found = (root / "notebooks").rglob("*.py")
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts))


def name_of(source: Path, root: Path) -> str:
    """`notebooks/maaf/table_1_css.py` is `maaf/table_1_css`."""
    return source.relative_to(root / "notebooks").with_suffix("").as_posix()


def key_of(source: bytes, parameters: Mapping[str, object], evidence: str) -> str:
    """The content key of a page: the same key, the same page."""
    parts = (source.decode(), json.dumps(parameters, sort_keys=True), evidence)
    return digest("\0".join(parts).encode())


def hash_of_package(root: Path = ROOT) -> str:
    """One hash over the package, the committed evidence and the versions that decide what a page shows."""
    files = [*(root / "cirkit").rglob("*.py"), *(root / "cirkit").rglob("*.js")]
    files += [file for part in EVIDENCE for file in root.glob(part) if file.is_file() and file.suffix != ".safetensors"]
    lines = [f"{file.relative_to(root).as_posix()} {digest(file.read_bytes())}" for file in sorted(files)]
    return digest("\n".join([*lines, json.dumps(machine()["versions"], sort_keys=True)]).encode())


def machine() -> dict[str, object]:
    """Where a page ran: processor, system and the versions that matter."""
    versions = {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}
    return {"system": f"{platform.system()} {platform.machine()}", "cores": os.cpu_count(), "versions": versions}


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def read_sidecar(path: Path) -> dict:
    """What is known about an executed page; nothing when the file is missing or unreadable."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def report(root: Path = ROOT) -> list[dict[str, str]]:
    """Every page of the book that is a notebook: how long it ran, and with what parameters."""
    rows = []
    for source in notebooks(root):
        known = read_sidecar(root / "book" / "executed" / f"{name_of(source, root)}.json")
        shown = ", ".join(f"{name} = {value!r}" for name, value in known.get("parameters", {}).items())
        seconds = f"{known['seconds']:.1f}" if known else "not run"
        rows.append({"page": name_of(source, root), "parameters": shown, "seconds": seconds})
    return rows


def failure(source: Path, number: int | None, code: str, kind: str, what: str) -> str:
    """One sentence on a cell that failed, and the next step; a Problem of the reader's brings its own."""
    if kind == Problem.__name__:
        return f"{source.name}: {what}"
    first = next((line for line in code.splitlines() if line.strip()), "")
    return (
        f"{source.name}, cell {number} (`{first}`) failed with {kind}: {what}. "
        "Correct it, or what it calls, and run again."
    )


def book(root: Path = ROOT) -> Path:
    """Run the pages, then build the book; the path of its first page. Raises Problem with every warning."""
    installed = version("jupyter-book")
    if int(installed.split(".")[0]) >= 2:
        raise Problem(
            f"jupyter-book {installed} cannot read _config.yml. Install the one that can: make book, or "
            "pip install jupyter-book==1.0.4.post1."
        )
    pages(root=root)
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "book", "--config", "_config.yml"]
    command += ["--path-output", ".", "--all", "-W", "--keep-going"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Problem(f"The book has faults; mend these lines and run again.\n{faults(done.stdout + done.stderr)}")
    return root / "_build" / "html" / "index.html"


def faults(log: str) -> str:
    """The warning and error lines of a build log, or its end when there is none."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", log).splitlines()
    lines = [line for line in plain if "WARNING" in line or "ERROR" in line or "Error:" in line]
    return "\n".join(dict.fromkeys(lines)) or "\n".join(plain[-15:])
