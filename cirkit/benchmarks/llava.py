"""LLaVA's copy of the TextVQA val questions: a line each, with the words that OCR found and without answers.

llava_textvqa_val_v051_ocr.jsonl of github.com/haotian-liu/LLaVA: 5,000 lines over 3,166 pictures.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from cirkit.benchmarks.annotations import need, read_text, record_error


@dataclass(frozen=True)
class Line:
    """One line of LLaVA's file; `number` is its only key, since its question_id is the id of the picture."""

    number: int
    image_id: str
    question: str
    words: tuple[str, ...]


def read(path: Path | str) -> list[Line]:
    """LLaVA's copy of the val questions with OCR words and no answers (llava_textvqa_val_v051_ocr.jsonl).

    Its question_id repeats: match lines to the official questions by picture and question. A word that holds a comma
    and a space cannot be told from two.
    """
    path, lines = Path(path), []
    for number, line in enumerate(read_text(path).splitlines()):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise record_error(path, number, f"is not JSON ({error})") from error
        name = need(record, "question_id", str, path, number)
        parts = need(record, "text", str, path, number).split("\n")
        mark = "Reference OCR token:"
        if len(parts) != 3 or not parts[1].startswith(mark):
            raise record_error(path, number, "lacks its line of OCR words")
        words = tuple(word for word in parts[1][len(mark) :].strip().split(", ") if word)
        lines.append(Line(number, name, parts[0], words))
    return lines
