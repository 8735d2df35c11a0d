"""The command line: thin commands over the package; heavy imports wait inside them.

Exit codes: 0 done, 1 a Problem (one sentence and the next step), 2 wrong usage.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cirkit.errors import Problem

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Five papers on composed image retrieval and attention, reproduced table by table.",
)
data = typer.Typer(
    no_args_is_help=True, help="Benchmarks: list, make a world's copy, get the original, check a folder."
)
app.add_typer(data, name="data")
synth = typer.Typer(no_args_is_help=True, help="Synthetic triplets: captions, instructions, image pairs, filters.")
app.add_typer(synth, name="synth")

NARROW = 12  # characters; no column of a table is cut to fewer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, a list of objects.")]
Paper = Annotated[
    str | None, typer.Option(help="maaf, alignment, pvlf, compodiff, itself, clip_family, protocols or photos.")
]
Scale = Annotated[str | None, typer.Option(help="smoke, cpu, gpu or paper.")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]


def main() -> None:
    """Run a command; a Problem becomes one line on stderr and exit code 1."""
    for stream in (sys.stdout, sys.stderr):  # a file name may hold half a character, a terminal may know few
        stream.reconfigure(errors="backslashreplace")
    try:
        app(args=paired(sys.argv[1:]))
    except Problem as problem:
        typer.echo(f"cirkit: {problem}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("cirkit: stopped. Finished records and pages are kept; run the command again to go on.", err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)


def paired(words: list[str]) -> list[str]:
    """`-p NAME VALUE`, papermill's way, as the one word NAME=VALUE that Typer can repeat."""
    out: list[str] = []
    rest = iter(words)
    for word in rest:
        out.append(word)
        if word == "-p":
            name = next(rest, None)
            value = None if name is None else next(rest, None)
            if value is None:
                raise Problem("-p needs a name and a value. Write, for example, -p scale smoke.")
            out.append(f"{name}={value}")
    return out


def say(line: str) -> None:
    """A line for who waits, on stderr: stdout holds results alone."""
    typer.echo(line, err=True)


def show(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Rows as JSON, or as aligned columns; in a terminal, the widest are cut until a row fits a line."""
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    if not rows:
        typer.echo("Nothing to show.")
        return
    text = [[_cell(row[key]) for key in rows[0]] for row in rows]
    widths = [max(len(key), *(len(line[i]) for line in text)) for i, key in enumerate(rows[0])]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else sum(widths) + 2 * len(widths)
    while sum(widths) + 2 * (len(widths) - 1) > room and max(widths) > NARROW:
        widths[widths.index(max(widths))] -= 1
    for line in [list(rows[0]), *text]:
        cells = [cut(cell, width).ljust(width) for cell, width in zip(line, widths, strict=True)]
        typer.echo("  ".join(cells).rstrip())


def cut(text: str, width: int) -> str:
    """The text, or its beginning and an ellipsis where it is longer than `width`."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what is installed, what is missing, and what to do about it."""
    from cirkit.doctor import findings

    rows = findings()
    show(rows, as_json)
    if any(row["state"] == "broken" for row in rows):
        raise typer.Exit(1)


@data.command("list")
def data_list(as_json: Json = False) -> None:
    """Benchmarks cirkit reads, the world that can stand in for each, and the official layout."""
    from cirkit.benchmarks.catalogue import CATALOGUE
    from cirkit.worlds.catalogue import WORLDS

    worlds = {name: WORLDS[name][0] if name in WORLDS else None for name in CATALOGUE}
    show([entry.row() | {"world": worlds[name]} for name, entry in CATALOGUE.items()], as_json)


@data.command("make")
def data_make(name: str, root: Annotated[Path, typer.Option()], scale: Annotated[str, typer.Option()] = "cpu") -> None:
    """Write a world's copy of a benchmark, in the official format."""
    from cirkit.worlds.catalogue import publish

    publish(name, root, scale)
    typer.echo(f"{name} at scale {scale} is in {root}.")


@data.command("get")
def data_get(name: str, root: Annotated[Path, typer.Option()]) -> None:
    """Fetch a benchmark's official files, pinned and checked; say what must be asked for by hand."""
    from cirkit.benchmarks.fetch import get

    for line in get(name, root).lines():
        typer.echo(line)


@data.command("check")
def data_check(name: str, root: Annotated[Path, typer.Option()], as_json: Json = False) -> None:
    """Compare a folder with what the benchmark should hold."""
    from cirkit.benchmarks.catalogue import find
    from cirkit.benchmarks.pictured import report, whole
    from cirkit.worlds.catalogue import WORLDS, world_of

    benchmark = find(name)
    if benchmark.name in WORLDS:
        world_of(name).require_current(root)
    rows = benchmark.check(root)
    if as_json:
        show([whole(row) for row in rows], as_json)
        return
    show(rows, as_json)
    for line in report(rows):
        typer.echo(line)


@synth.command("make")
def synth_make(
    root: Annotated[Path, typer.Option(help="The folder to fill, in the official format.")],
    route: Annotated[str, typer.Option(help="keywords, or language for a language model.")] = "keywords",
    scale: Annotated[str, typer.Option(help="smoke, cpu, gpu, or paper for Stable Diffusion.")] = "cpu",
    first: Annotated[int, typer.Option(min=0, help="The number of the first shard.")] = 0,
    shards: Annotated[int, typer.Option(min=1, help="How many; those that are there are kept.")] = 8,
    captions: Annotated[str, typer.Option(help="Where synth_captions/captions.txt lies (paper scale).")] = "data/raw",
    model: Annotated[str, typer.Option(help="A causal language model: a folder, or a name on the hub.")] = "",
    adapter: Annotated[str | None, typer.Option(help="What `cirkit synth tune` wrote.")] = None,
    as_json: Json = False,
) -> None:
    """Write triplets, a shard at a time; a run that was cut off goes on where it was."""
    announce("Reading the captions.")
    from cirkit.papers.compodiff.synth_pipelines import pipeline
    from cirkit.synthesis.shards import synthesise

    chosen = pipeline(route, scale, captions, model, adapter)
    counts = synthesise(root, chosen, range(first, first + shards), announce)
    show([{"counted": name, "number": number} for name, number in counts.items()], as_json)


@synth.command("tune")
def synth_tune(
    out: Annotated[Path, typer.Option(help="The file to write, safetensors.")],
    model: Annotated[str, typer.Option(help="A causal language model: a folder, or a name on the hub.")],
    triplets: Annotated[Path, typer.Option(help="JSON lines of input, edit and output, as InstructPix2Pix has them.")],
    steps: Annotated[int, typer.Option(min=1)] = 1000,
    device: Device = "cpu",
) -> None:
    """Tune a language model by LoRA on caption triplets."""
    from cirkit.experiments.environment import usable
    from cirkit.papers.compodiff.synth_pipelines import tuning
    from cirkit.training.loop import fit

    usable(device)
    announce(f"{model}: {steps} steps on {device}.")
    fit(tuning(model, str(triplets), steps), 0, device=device, watch=progress(steps)).model.save(out)
    typer.echo(f"What it learnt is in {out}.")


@app.command()
def models(as_json: Json = False) -> None:
    """The models, the paper each comes from, and their size as declared."""
    from cirkit.experiments.registry import models as declared

    show(declared(), as_json)


@app.command()
def experiments(
    paper: Paper = None,
    scale: Scale = None,
    all_rows: Annotated[bool, typer.Option("--all", help="A line for every row of every table.")] = False,
    as_json: Json = False,
) -> None:
    """Declared experiments of each paper and scale, and how many of their seeds have a record."""
    from cirkit.experiments import registry

    rows = registry.progress(paper, scale)
    show(rows if all_rows else registry.summary(rows), as_json)


@app.command()
def run(
    name: Annotated[str | None, typer.Argument()] = None,
    seed: Annotated[int | None, typer.Option(help="One seed; all that lack a record when left out.")] = None,
    scale: Annotated[str, typer.Option()] = "cpu",
    missing: Annotated[bool, typer.Option("--missing", help="Every record that is not there yet.")] = False,
    paper: Paper = None,
    budget: Annotated[
        str | None, typer.Option(help="Such as 60m, 90s or 2h: start no run that would end later.")
    ] = None,
    device: Device = "cpu",
    root: Annotated[
        str, typer.Option(help="Where original data lie, a folder per benchmark (paper scale).")
    ] = "data/raw",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what the run needs and what is missing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Train anew and replace the record that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Train and test an experiment, or all that are missing, and write the records."""
    if (name is None) == (not missing):
        raise typer.BadParameter("Give the name of one experiment, or --missing.")
    if missing and (again or seed is not None):
        raise typer.BadParameter("--missing runs what has no record; --again and --seed go with the name of one.")
    wait = seconds(budget)
    announce("Reading the configurations of the experiments.")
    from cirkit.experiments import registry
    from cirkit.experiments.environment import usable

    usable(device)
    chosen = registry.experiments(paper, scale, root) if missing else [registry.experiment(name, scale, root)]
    if dry_run:
        from cirkit.experiments.cost import plan

        announce(f"Judging {len(chosen)} rows: finished seeds, or one training step here.")
        show([plan(experiment) for experiment in chosen], as_json)
    elif missing:
        from cirkit.experiments.run import run_missing

        announce(f"Looking for records that are missing in {len(chosen)} rows.")
        found = run_missing(
            chosen, device=device, budget=wait, watch=lambda each: progress(each.training.steps), tell=typer.echo
        )
        typer.echo(f"{found.written} records written.")
        if found.failed:
            raise Problem(f"{found.failed} runs failed; the lines above say why. Correct that and run this again.")
    else:
        run_seeds(chosen[0], seed, device, again)


def run_seeds(experiment: Any, seed: int | None, device: str, again: bool) -> None:
    """Run one seed, or those that lack a record, and say where record and weights lie."""
    from cirkit.experiments.run import lacks, run_named
    from cirkit.experiments.trainings import Trainer, never, same_code

    wanted = (seed,) if seed is not None else tuple(s for s in experiment.seeds if again or lacks(experiment, s))
    if not wanted:
        raise Problem(f"All seeds of {experiment.name} {experiment.scale} have records. Add --again to run them anew.")
    for each in wanted:
        announce(f"{experiment.name} {experiment.scale} seed {each}: {experiment.training.steps} steps on {device}.")
        watch, accept = progress(experiment.training.steps), never if again else same_code
        trainer = Trainer(device=device, local=experiment.local, accept=accept, watch=watch, tell=announce)
        record = run_named(experiment, each, trainer, again)
        if record is not None:
            typer.echo(f"{experiment.name} {experiment.scale} seed {each}: {sum(record.seconds.values()):.0f} s")
            typer.echo(f"  record  {experiment.path(each)}\n  weights {experiment.weights(each)}")


@app.command()
def keep(
    name: Annotated[str, typer.Argument()],
    seed: Annotated[int, typer.Option()] = 0,
    scale: Annotated[str, typer.Option()] = "cpu",
) -> None:
    """Copy an experiment's trained weights to data/pretrained, where git keeps them; rows that start from them do so on
    every machine."""
    announce("Reading the weights.")
    from cirkit.experiments import registry
    from cirkit.experiments.keep import keep as kept

    typer.echo(f"The weights are in {kept(registry.experiment(name, scale).training, seed)}.")


@app.command()
def submit(
    name: str,
    benchmark: Annotated[str, typer.Option(help="cirr or circo.")],
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    scale: Annotated[str, typer.Option()] = "cpu",
    seed: Annotated[int, typer.Option()] = 0,
    device: Device = "cpu",
    root: Annotated[
        str, typer.Option(help="Where original data lie, a folder per benchmark (paper scale).")
    ] = "data/raw",
) -> None:
    """Write what the server of CIRR or CIRCO takes: the ranking of its test split by an experiment's weights."""
    from cirkit.experiments import registry
    from cirkit.experiments.environment import usable
    from cirkit.experiments.trainings import Trainer, any_code
    from cirkit.submit import submit as write

    usable(device)
    experiment = registry.experiment(name, scale, root)
    watch = progress(experiment.training.steps) if experiment.training.steps else None
    trainer = Trainer(device=device, accept=any_code, watch=watch, tell=announce)
    for path in write(experiment, benchmark, seed, out, trainer):
        typer.echo(str(path))


@app.command()
def pilot(
    name: str,
    steps: Annotated[list[int], typer.Option(help="How long; give it twice or more to see what a doubling moves.")],
    seed: Annotated[int, typer.Option(help="100 or more: no seed that is reported.")] = 100,
    scale: Annotated[str, typer.Option()] = "cpu",
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Try how long an experiment should train, on a seed that is never reported; the numbers go to data/pilots.csv."""
    from cirkit.experiments import pilots, registry
    from cirkit.experiments.environment import usable
    from cirkit.experiments.trainings import Trainer

    usable(device)
    experiment = registry.experiment(name, scale)
    for count in steps:
        announce(f"{name} {scale} seed {seed}: {count} steps on {device}.")
        trainer = Trainer(device=device, watch=progress(count), tell=announce)
        pilots.add(pilots.pilot(experiment, seed, count, trainer))
    lines = pilots.current(pilots.read(), [experiment])
    show([line for line in lines if line["seed"] == seed], as_json)


def announce(line: str) -> None:
    """Say on stderr what takes a while, before it does; of processes that `torchrun` started, the first does."""
    if os.environ.get("RANK", "0") == "0":
        typer.echo(line, err=True)


def progress(steps: int) -> Any:
    """A tqdm bar that shows the loss."""
    from tqdm import tqdm

    bar = tqdm(total=steps, unit="step", disable=None)

    def watch(step: int, loss: float) -> None:
        bar.update(step - bar.n)
        if step % 20 == 0:
            bar.set_postfix(loss=f"{loss:.3f}")
        if step == steps:
            bar.close()

    return watch


def seconds(budget: str | None) -> float | None:
    """'90s', '60m' or '2h' in seconds; None stays None."""
    if budget is None:
        return None
    factor = {"s": 1, "m": 60, "h": 3600}.get(budget[-1:])
    try:
        return float(budget[:-1]) * factor
    except (TypeError, ValueError):
        raise typer.BadParameter(f"{budget!r} is no time; write 90s, 60m or 2h.") from None


@app.command()
def verify(
    sample: Annotated[int, typer.Option(min=1, help="How many records to run again.")] = 3,
    quick: Annotated[
        bool, typer.Option("--quick", help="Replay a hundredth of every record and confirm those that agree.")
    ] = False,
    paper: Paper = None,
    scale: Scale = None,
    as_json: Json = False,
) -> None:
    """Run committed records again, those made by other code first, and compare."""
    announce("Reading the records.")
    from cirkit.experiments import registry
    from cirkit.experiments.replay import replay
    from cirkit.experiments.verify import verify as compare

    chosen, rows = registry.experiments(paper, scale), []
    for row in replay(chosen) if quick else compare(chosen, sample):
        announce(f"{row['name']} {row['scale']} seed {row['seed']}: {row['state']}, {row['seconds']:.0f} s")
        rows.append(row)
    show(rows, as_json)
    if any(row["state"] == "differs" for row in rows):
        raise Problem("A record could not be confirmed. Look at what changed since its commit, then run it again.")


@app.command()
def exhibits(
    paper: Paper = None,
    scale: Scale = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Make those that are not there, from the weights their runs left.")
    ] = False,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """What finished runs keep beside their ranks, and whether it is there."""
    announce("Reading the records.")
    from cirkit.experiments import regenerate, registry
    from cirkit.experiments.environment import usable

    usable(device)
    chosen = registry.experiments(paper, scale)
    if missing:
        written = regenerate.missing(chosen, device, tell=typer.echo)
        typer.echo(f"{written} exhibits written.")
        return
    show(list(regenerate.rows(chosen)), as_json)


@app.command()
def ledger(
    paper: Paper = None,
    write: Annotated[bool, typer.Option("--write", help="Also write data/ledger.csv.")] = False,
    as_json: Json = False,
) -> None:
    """Every claim and its verdict, computed from the records."""
    from cirkit.experiments import registry
    from cirkit.experiments.claims import to_csv
    from cirkit.experiments.experiment import records_home
    from cirkit.files import write_atomically

    rows = registry.ledger(paper)
    if write:
        write_atomically(records_home().parent / "ledger.csv", to_csv(registry.ledger()))
    show(rows if as_json else [verdict_first(row) for row in rows], as_json)


def verdict_first(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the ledger as a terminal shows it: the verdict and the number, then what they are about."""
    measured = "" if row["mean"] is None else f"{_cell(row['mean'])} [{_cell(row['low'])}, {_cell(row['high'])}]"
    about = {key: row[key] for key in ("p", "holm", "unit", "basis", "scale", "seeds", "id", "where", "says")}
    return {"verdict": row["verdict"], "mean [95 %]": measured} | about


@app.command()
def pages(
    only: Annotated[str | None, typer.Option(help="One notebook, such as maaf/table_1_css.")] = None,
    parameter: Annotated[list[str] | None, typer.Option("-p", metavar="NAME VALUE", help="As papermill's.")] = None,
    as_json: Json = False,
) -> None:
    """Run the notebooks; those whose sources and records did not change are kept."""
    from cirkit.pages import pages as execute

    chosen = dict(pair.split("=", 1) for pair in parameter or [])
    show([page.row() for page in execute(only, chosen)], as_json)


@app.command()
def book() -> None:
    """Run the notebooks and build the book."""
    from cirkit.pages import book as build

    typer.echo(f"The book is at {build()}.")


@app.command()
def bench(
    name: Annotated[
        str,
        typer.Argument(
            help="render, train, evaluate, features, maaf, publish, scan, scan-full, scan-prefilter, compodiff, "
            "fusion, fusion-full, itself, itself-full, damsm or damsm-small"
        ),
    ],
    as_json: Json = False,
) -> None:
    """Time our code beside a reference, in one process."""
    say(f"Timing {name}, one case after the other ...")
    from cirkit.timing.bench import run as measure

    show(measure(name), as_json)


@app.command()
def index(
    photos: Path,
    encoder: Annotated[str, typer.Option(help="open_clip:ARCH/PRETRAINED, or a checkpoint folder.")],
    out: Annotated[Path, typer.Option(help="The index folder to write.")],
    table: Annotated[Path | None, typer.Option(help="A CSV file of captions or attributes.")] = None,
) -> None:
    """Encode a folder of photos, to be searched."""
    from cirkit.search.encoder import encoder_from
    from cirkit.search.folder import build

    indexed = build(photos, encoder_from(encoder, say), out, table)
    for skipped in indexed.skipped:
        say(f"left out {skipped.file}: {skipped.reason}")
    typer.echo(f"{len(indexed)} photos are in {out}; {len(indexed.skipped)} were left out.")


@app.command()
def search(
    index: Path,
    image: Annotated[Path | None, typer.Option(help="A reference image.")] = None,
    text: Annotated[str | None, typer.Option(help="How the wanted photo differs, or what it shows.")] = None,
    k: Annotated[int, typer.Option("--k", min=1)] = 10,
    html: Annotated[Path | None, typer.Option(help="Also write a page that shows the photos.")] = None,
    encoder: Annotated[str | None, typer.Option(help="The one that built the index, when left out.")] = None,
    photos: Annotated[Path | None, typer.Option(help="Where the photos lie now, if they were moved.")] = None,
    as_json: Json = False,
) -> None:
    """Search an index with an image, a text, or both."""
    from cirkit.encoders.text import unknown_words
    from cirkit.search import folder, results
    from cirkit.search.encoder import encoder_from

    if image is None and text is None:
        raise typer.BadParameter("Give --image, --text or both.")
    query = folder.PhotoQuery(image=image, text=text)
    loaded = encoder_from(encoder or folder.encoder_of(index), say)
    unknown = unknown_words(loaded.retriever, text or "")
    if unknown:
        say(f"Words that the encoder does not know, all read alike: {', '.join(unknown)}.")
    hits = folder.search(index, loaded, query, k=k, photos=photos)
    if html is not None:
        results.page(hits, query, html)
    show([hit.row() for hit in hits], as_json)
