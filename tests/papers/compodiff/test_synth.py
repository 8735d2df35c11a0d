"""Synthetic triplets as they are run and counted: the command, the declared pipelines, the statistics."""

import json
import sys

import numpy as np
import pytest
from toys import TinyClip

from cirkit import cli
from cirkit.benchmarks import synth_triplets as reader
from cirkit.declare import fingerprint
from cirkit.errors import Problem
from cirkit.experiments import experiment
from cirkit.figures.reported import lines_of
from cirkit.papers.clip_family.shared_clip import Backbone
from cirkit.papers.compodiff import synth_pipelines, synth_statistics
from cirkit.papers.compodiff.synth_pipelines import caption_lines, edit_lines, pipeline, tuning
from cirkit.synthesis.filters import Thresholds
from cirkit.synthesis.shards import COUNTS


@pytest.fixture
def tiny(monkeypatch):
    """The toy CLIP in place of the world's."""
    monkeypatch.setattr(synth_pipelines, "backbone", lambda scale: Backbone(clip=TinyClip))


def test_the_command_writes_shards_that_the_reader_reads(tiny, tmp_path, monkeypatch, capsys):
    words = ["cirkit", "synth", "make", "--root", str(tmp_path), "--scale", "smoke", "--shards", "1", "--json"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    counts = {row["counted"]: row["number"] for row in json.loads(capsys.readouterr().out)}
    assert counts["kept"] == len(reader.train(tmp_path)) == 8 and counts["shards"] == 1
    content = json.loads((tmp_path / COUNTS).read_text())
    assert content == {"configuration": fingerprint(pipeline("keywords", "smoke")), "counts": counts}
    one = reader.triplets(tmp_path)[0]
    assert one.source_keyword in one.reference_caption and one.target_keyword in one.target_caption


def test_the_pipelines_are_the_papers_or_say_what_they_change(tiny):
    paper, small = pipeline("keywords", "paper"), pipeline("keywords", "cpu")
    for each in (paper, small):
        assert each.keep_if.thresholds == Thresholds() and each.route.window == (0.5, 0.7)
    assert paper.clip.keywords["arch"] == "ViT-L-14-quickgelu" and (paper.tries, paper.keep) == (100, 4)
    assert fingerprint(paper) == fingerprint(pipeline("keywords", "paper", root="elsewhere")) != fingerprint(small)
    written = pipeline("language", "paper", model="facebook/opt-6.7b", adapter="lora.safetensors")
    assert written.route.writer.keywords == {"source": "facebook/opt-6.7b", "adapter": "lora.safetensors"}


@pytest.mark.parametrize(
    ("words", "says"), [(("keyword", "cpu"), "Did you mean keywords"), (("language", "cpu"), "--model")]
)
def test_what_cannot_be_run_is_a_problem(words, says):
    with pytest.raises(Problem, match=says):
        pipeline(*words)


def test_captions_and_triplets_are_read_from_files(tmp_path):
    (tmp_path / "captions.txt").write_text("a cat\n\n  a dog \n")
    assert caption_lines(str(tmp_path)) == ["a cat", "a dog"]
    (tmp_path / "captions.txt").write_text("\n")
    with pytest.raises(Problem, match="is empty"):
        caption_lines(str(tmp_path))
    path = tmp_path / "edits.jsonl"
    path.write_text('{"input": "a cat", "edit": "make it a dog", "output": "a dog"}\n')
    assert edit_lines(str(path)).text == ["a cat\n##\nmake it a dog\n%%\na dog\nEND"]
    assert tuning("folder", str(path), 3).data().text == edit_lines(str(path)).text
    for broken, says in (('{"input": "a"}', "has no 'edit'"), ("{", "is no JSON"), ("", "is empty")):
        path.write_text(broken)
        with pytest.raises(Problem, match=says):
            edit_lines(str(path))


def test_lengths_are_counted_in_pieces():
    counts = synth_statistics.histogram(["red", "red", "a red cube", "red " * 80])
    assert counts[[1, 3, 60]].tolist() == [2, 1, 1] and counts.sum() == 4
    assert synth_statistics.at_most(counts)[[0, 1, 2, 3, 60]].tolist() == [0, 50, 50, 75, 100]


def test_the_benchmarks_own_files_are_counted_whole():
    totals = {name: int(counts.sum()) for name, counts in synth_statistics.counted().items()}
    assert totals == {"FashionIQ": 12_032, "CIRR": 4181, "CIRCO": 1020, "GeneCIS": 8032}
    mean = {name: np.average(np.arange(61), weights=counts) for name, counts in synth_statistics.counted().items()}
    assert mean["GeneCIS"] < 2 < mean["FashionIQ"] < mean["CIRCO"] < mean["CIRR"] < 13


def test_the_figures_and_tables_show_what_they_count(tiny, monkeypatch, tmp_path):
    held = synth_statistics.triplets("smoke")
    keyed = sum(each.source_keyword is not None for each in held)
    table = synth_statistics.numbers("smoke")._repr_html_()
    assert f">{len(held)}<" in table and f">{keyed}<" in table and "586,369" in table
    assert f"{2 * len(held)} captions" in synth_statistics.caption_lengths("smoke").caption
    caption = synth_statistics.instruction_lengths("smoke").caption
    assert "FashionIQ 12,032" in caption and f"SynthTriplets18M {len(held)}" in caption
    monkeypatch.setattr(experiment, "ROOT", tmp_path)
    assert synth_statistics.filters("smoke").caption == "Not run."
    counts = dict.fromkeys(synth_statistics.FILTERS, 3) | {"image pairs": 4, "kept": 1, "caption triplets": 2}
    path = tmp_path / "data" / "synthesis" / "keywords-smoke.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"configuration": fingerprint(pipeline("keywords", "smoke")), "counts": counts}))
    shown = synth_statistics.filters("smoke")._repr_html_()
    assert shown.count(">75.0<") == 5 and shown.count(">25.0<") == 1


def test_what_the_paper_reports_of_its_sets_stands_in_one_file():
    rows = [line["row"] for line in lines_of("synth_triplets", "Table 1")]
    assert len(rows) == 12 and len(set(rows)) == 6 and len(lines_of("synth_triplets", "Figure 7")) == 3
