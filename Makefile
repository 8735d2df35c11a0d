# Everything from a fresh clone: Python 3.11, git and make. `make book` ends in _build/html/index.html.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed-$(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
PORT   ?= 8000

.PHONY: book lab test check serve clean
.DEFAULT_GOAL := book

book: $(STAMP)
	$(BIN)/cirkit book

lab: $(STAMP)-lab
	JUPYTER_CONFIG_PATH="$(CURDIR)/.jupyter" $(BIN)/jupyter lab --ip 127.0.0.1 \
	  --LabApp.default_url=/lab/tree/notebooks/start_here.py

test: $(STAMP)
	$(BIN)/python -m pytest -n auto

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

serve:
	@test -f _build/html/index.html || { echo "There is no book yet. Run: make book"; exit 1; }
	@echo "The book is at http://127.0.0.1:$(PORT)"
	$(PYTHON) -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

clean:
	rm -rf _build book/executed

# torchvision would ask for its own torch; it is installed without its dependencies, next to the pinned one.
$(STAMP):
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --no-deps torchvision==0.28.0
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .[cpu,book,test]
	rm -f $(VENV)/.installed-*
	touch $@

# A source without a header opens in the kernel whose command is this Python's full path, which `ipykernel install` writes.
$(STAMP)-lab: $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .[lab]
	$(BIN)/python -m ipykernel install --sys-prefix --name python3 --display-name "Python 3 (cirkit)"
	touch $@
