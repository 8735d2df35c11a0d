import io
import json
import subprocess
import sys
from dataclasses import replace
from typing import get_args

import pytest
from PIL import Image

from cirkit import cli
from cirkit.cli import app, main, paired, seconds
from cirkit.experiments import confirmations, records, registry, run


def call(capsys, monkeypatch, *words):
    """Exit code, stdout, stderr of `cirkit words`."""
    monkeypatch.setattr(sys, "argv", ["cirkit", *words])
    try:
        main()
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    out = capsys.readouterr()
    return code, out.out, out.err


@pytest.fixture
def cirkit(capsys, monkeypatch, home):
    return lambda *words: call(capsys, monkeypatch, *words)


READING = {
    ("ledger",): {
        "id", "paper", "where", "says", "reported", "headline", "verdict", "mean", "low", "high", "p",
        "holm", "bh", "unit", "margin", "basis", "scale", "seeds",
    },
    ("models",): {"name", "paper", "kind", "parameters"},
    ("experiments",): {"paper", "scale", "rows", "seeds done", "seeds wanted", "hours"},
    ("experiments", "--all", "--scale", "smoke"): {"name", "paper", "scale", "seeds done", "seeds wanted", "seconds"},
    ("data", "list"): {"name", "kind", "world", "layout"},
    ("doctor",): {"name", "found", "state", "advice"},
}  # fmt: skip


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_reading_commands_print_json_with_the_promised_keys(cirkit, words):
    code, out, err = cirkit(*words, "--json")
    rows = json.loads(out)
    assert code == 0 and rows and all(set(row) == READING[words] for row in rows), err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("run", "maaf/css/none"), 1, "There is no experiment"),
        (("run", "maaf/css/tirgg"), 1, "Did you mean maaf/css/tirg"),
        (("run", "maaf/css/tirg", "--seed", "7"), 1, "has no seed 7 at scale cpu. Use one of 0, 1, 2, 3, 4."),
        (("run", "maaf/css/tirg", "--device", "tpu"), 1, "There is no device 'tpu'"),
        (("run", "maaf/css/tirg", "--device", "cuda:99"), 1, "sees no cuda:99"),
        (("exhibits", "--missing", "--device", "tpu"), 1, "There is no device 'tpu'"),
        (("run", "--missing", "--again"), 2, "--again"),
        (("run", "--missing", "--paper", "maff"), 1, "Use one of maaf"),
        (("run", "maaf/css/tirg", "--scale", "huge"), 1, "There is no scale"),
        (("run",), 2, "--missing"),
        (("run", "x", "--missing"), 2, "--missing"),
        (("run", "--missing", "--budget", "soon"), 2, "60m"),
        (("experiments", "--paper", "tirg"), 1, "There is no paper"),
        (("data", "make", "cifar", "--root", "x"), 1, "cirkit data list"),
        (("data", "make", "clothing", "--root", "x"), 1, "No world stands in"),
        (("data", "make", "css", "--root", "x", "--scale", "huge"), 1, "no scale"),
        (("data", "check", "css", "--root", "nowhere"), 1, "nowhere"),
        (("data", "get", "cifar", "--root", "x"), 1, "There is no source"),
        (("bench", "rendr"), 1, "Did you mean render?"),
        (("run", "maaf/css/tirgg"), 1, "Did you mean maaf/css/tirg or"),
        (("data", "list", "--nonsense"), 2, "--nonsense"),
        (("data", "check", "fashion-iq", "--root", "x"), 1, "Did you mean fashioniq"),
        (("data", "get", "fashionIQ", "--root", "x"), 1, "Did you mean fashioniq"),
        (("pages", "--only", "maaf/tabel_1_css"), 1, "Did you mean maaf/table_1_css"),
        (("search", "nowhere", "--image", "gone.jpg"), 1, "Cannot search with the image gone.jpg"),
        (("search", "nowhere", "--image", "."), 1, "it is a folder. Give the path of an image file."),
        (("index", "nowhere", "--encoder", "open_clip:ViT-B-32", "--out", "x"), 1, "ARCH/PRETRAINED"),
        (("search", "nowhere", "--text", "in red"), 1, "not an index"),
        (("search", "nowhere"), 2, "--image"),
        (("pages", "-p", "seed"), 1, "-p needs a name and a value"),
        (("pages", "--only", "maaf/table_99"), 1, "table_99"),
        (("bake",), 2, "No such command"),
    ],
)
def test_bad_input_is_one_sentence_and_the_right_exit_code(cirkit, monkeypatch, tmp_path, words, code, said):
    monkeypatch.chdir(tmp_path)
    got, out, err = cirkit(*words)
    assert got == code and said in " ".join(err.split()) and "Traceback" not in err
    if code == 1:
        assert err.count("cirkit: ") == 1 and err.splitlines()[-1].startswith("cirkit: ") and not out
    assert [p.name for p in tmp_path.iterdir() if p.name != "data"] == []


GONE = {  # the picture that is taken away, the file that asks for it, and what is said of it
    "birds-to-words": ("images/*", "birds-to-words-v1.0.tsv", ["images not there (1): ", "under maaf, one way: "]),
    "css": ("images/css_test_*", None, ["test images not there (1): css_test_", "it stops at the first image"]),
    "fashioniq": ("images/*", "captions/cap.dress.val.json", ["dress val images not there (1): ", "of 14 gallery"]),
    "cirr": (
        "img_raw/dev/*",
        "captions/cap.rc2.val.json",
        ["(1): dev-", "under cirr, cirr-soft: ", "under cirr-subset"],
    ),
    "genecis": ("val2017/*", "change_object.json", ["change_object images not there (1): 0", "under genecis: "]),
}


@pytest.mark.parametrize("name", GONE)
def test_check_names_a_missing_picture_and_says_what_goes_with_it(cirkit, tmp_path, name):
    root, (pattern, asking, said) = tmp_path / name, GONE[name]
    cirkit("data", "make", name, "--root", str(root), "--scale", "smoke")
    code, out, _ = cirkit("data", "check", name, "--root", str(root))
    assert code == 0 and not any(word in out for word in ("not there", "left out", "not comparable"))
    counted = json.loads(cirkit("data", "check", name, "--root", str(root), "--json")[1])
    text = "css" if asking is None else (root / asking).read_text()
    gone = next(path for path in sorted(root.glob(pattern)) if path.stem.split("_")[0].lstrip("0") in text)
    for path in [path for path in root.rglob("*") if path.is_file() and path.stem == gone.stem]:
        path.unlink()  # and its second name, where it has one
    code, out, _ = cirkit("data", "check", name, "--root", str(root))
    assert code == 0 and all(words in out for words in said), out
    assert ("not comparable" in out) == (name != "css")
    rows = json.loads(cirkit("data", "check", name, "--root", str(root), "--json")[1])
    assert len(rows) == len(counted) and sum(row["missing"] for row in rows) == sum("absent" in row for row in rows) > 0
    assert all(gone.stem in row["absent"][0] for row in rows if "absent" in row)
    assert any(one["queries"] for row in rows for one in row.get("dropped") or ()) == (name != "css")


def test_check_names_a_few_pictures_and_counts_the_rest(cirkit, tmp_path):
    root = tmp_path / "cirr"
    cirkit("data", "make", "cirr", "--root", str(root), "--scale", "smoke")
    for path in (root / "img_raw" / "dev").iterdir():
        path.unlink()
    out = cirkit("data", "check", "cirr", "--root", str(root))[1]
    (line,) = [line for line in out.splitlines() if "not there" in line]
    assert line.startswith("val images not there (30): dev-") and line.endswith(" and 25 more.")
    assert line.count("dev-") == 5 and "all 45 queries, so the reader refuses" in out


def test_run_writes_records_and_missing_finds_them(cirkit):
    code, out, err = cirkit("run", "maaf/css/text_only", "--scale", "smoke")
    assert code == 0 and "seed 0" in out, err
    code, out, _ = cirkit("run", "--missing", "--scale", "smoke", "--paper", "maaf", "--budget", "0s")
    assert code == 0 and "written" in out
    rows = json.loads(cirkit("experiments", "--all", "--scale", "smoke", "--paper", "maaf", "--json")[1])
    assert next(row["seeds done"] for row in rows if row["name"] == "maaf/css/text_only") == 1


def test_a_record_that_another_process_makes_is_left_to_it(cirkit):
    with run.record_lock(registry.experiment("maaf/css/tirg", "smoke"), 0) as mine:
        assert mine
        code, _, err = cirkit("run", "maaf/css/tirg", "--scale", "smoke")
    assert code == 1 and "another process" in err


def test_ledger_writes_its_file_and_smoke_is_never_a_result(cirkit, home):
    for name in ("tirg", "maaf_identity"):
        cirkit("run", f"maaf/css/{name}", "--scale", "smoke")
    code, _, _ = cirkit("ledger", "--write")
    lines = (home / "ledger.csv").read_text().splitlines()
    assert code == 0 and lines[0].startswith("id,paper,where") and all("untested" in line for line in lines[1:])


def test_photos_are_indexed_and_searched_with_a_trained_checkpoint(cirkit, tmp_path, home):
    cirkit("run", "maaf/css/tirg", "--scale", "smoke")
    (checkpoint,) = [path.parent for path in (home / "weights").rglob("model.json")]
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, colour in enumerate(["red", "blue", "green", "white"]):
        Image.new("RGB", (40, 30 + i), colour).save(folder / f"{colour}.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    index = str(tmp_path / "index")
    code, out, err = cirkit("index", str(folder), "--encoder", str(checkpoint), "--out", index)
    assert code == 0 and "4 photos" in out and "broken.jpg" in err
    page = tmp_path / "hits.html"
    asked = ("search", index, "--image", str(folder / "red.png"), "--text", "make it blue", "--k", "2")
    code, out, err = cirkit(*asked, "--html", str(page), "--json")
    hits = json.loads(out)
    assert code == 0 and len(hits) == 2 and all("red.png" not in hit["path"] for hit in hits), err
    assert "make it blue" in page.read_text()
    cirkit("run", "maaf/css/maaf_identity", "--scale", "smoke")
    other = next(p.parent for p in (home / "weights").rglob("model.json") if p.parent != checkpoint)
    code, _, err = cirkit(*asked, "--encoder", str(other))
    assert code == 1 and "built with" in err
    _, _, err = cirkit(*asked[:4], "--text", "make it sleeveless")
    assert "Words that the encoder does not know, all read alike: " in err and err.endswith("sleeveless.\n")


def test_a_full_output_folder_leaves_nothing_behind(cirkit, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = cirkit("data", "make", "css", "--root", str(tmp_path / "file" / "css"), "--scale", "smoke")
    assert code == 1 and "Traceback" not in err and (tmp_path / "file").read_text() == ""


def test_a_table_fits_the_terminal_and_loses_nothing_elsewhere(capsys, monkeypatch):
    rows = [{"verdict": "holds", "says": "A long sentence " * 8, "where": "Table 1"}]
    cli.show(rows, False)
    assert rows[0]["says"].strip() in capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    cli.show(rows, False)
    lines = capsys.readouterr().out.splitlines()
    assert [len(line) <= 60 for line in lines] == [True, True] and "…" in lines[1] and "Table 1" in lines[1]


def test_the_ledger_shows_verdict_and_number_first(cirkit):
    head, *lines = cirkit("ledger", "--paper", "photos")[1].splitlines()
    assert head.split()[:2] == ["verdict", "mean"] and all(line.startswith("untested") for line in lines) and lines


def test_half_a_character_in_a_file_name_can_be_printed(capsys, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "argv", ["cirkit", "search", "index", "--image", "\udcff.jpg"])
    with pytest.raises(SystemExit):
        main()
    stream.flush()
    assert rb"\udcff.jpg: there is no such file" in stream.buffer.getvalue()


def test_words_and_times():
    assert paired(["pages", "-p", "scale", "smoke"]) == ["pages", "-p", "scale=smoke"]
    assert [seconds(t) for t in (None, "90s", "60m", "2h")] == [None, 90, 3600, 7200]
    assert app.info.no_args_is_help


def test_help_answers_in_under_a_second_s_worth_of_imports():
    code = "import sys; sys.argv = ['cirkit', '--help']; import cirkit.cli as c\ntry: c.main()\nexcept SystemExit: 0\n"
    check = "print([m for m in ('torch', 'numpy', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code + check], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_a_record_is_not_replaced_unless_that_is_asked_for(cirkit):
    asked = ("run", "maaf/css/text_only", "--scale", "smoke", "--seed", "0")
    path = registry.experiment("maaf/css/text_only", "smoke").path(0)
    assert cirkit(*asked)[0] == 0
    before = path.read_bytes()
    code, _, err = cirkit(*asked)
    assert code == 1 and "Add --again" in err and path.read_bytes() == before
    assert cirkit("run", "maaf/css/text_only", "--scale", "smoke")[0] == 1  # no seed is left
    code, out, err = cirkit(*asked, "--again")
    assert code == 0 and "seed 0" in out, err


def test_a_run_that_fails_is_told_and_the_command_says_so(cirkit, monkeypatch):
    rows = [registry.experiment(f"maaf/css/{name}", "smoke") for name in ("text_only", "image_only")]
    monkeypatch.setattr(registry, "experiments", lambda *words: rows)
    rows[0].path(0).parent.mkdir(parents=True)
    rows[0].path(0).write_text("{")
    code, out, err = cirkit("run", "--missing", "--scale", "smoke")
    assert code == 1 and "maaf/css/text_only smoke seed 0: failed" in out and "1 records written" in out
    assert "1 runs failed" in err and rows[1].path(0).exists()


def test_verify_quick_confirms_what_other_code_made(cirkit, monkeypatch):
    experiment = registry.experiment("maaf/css/text_only", "smoke")
    monkeypatch.setattr(registry, "experiments", lambda *words: [replace(experiment, scale="cpu")])
    (row,) = registry.experiments()
    record = run.run(row, 0)
    records.write(replace(record, code="0" * 16), row.path(0))
    code, out, err = cirkit("verify", "--quick", "--json")
    assert code == 0 and json.loads(out)[0]["state"] == "confirmed", err
    assert confirmations.current(row.code, records.read(row.path(0)))
    assert cirkit("verify", "--quick", "--json")[1].strip() == "[]"  # nothing is left to confirm


def test_the_help_names_every_paper_there_is():
    (option,) = get_args(cli.Paper)[1:]
    assert option.help.rstrip(".").replace(" or ", ", ").split(", ") == list(registry.PAPERS)
