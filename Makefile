# make demo       the whole study on the embedded corpus, into results/demo
# make test       every check and test
# make bench      how fast maps are extracted, into results/bench/extraction.tsv
# make rulegraph  the graph of the rules in README.md, drawn anew
# make setup      only .venv, from envs/requirements.lock; all others do it where it is missing or stale
#
# PYTHON=...  the Python (3.11 or newer) that .venv is made from
# CORES=...   cores for the demo; default: all

PYTHON ?= python3
CORES ?= all

export PYTHON
VENV := bash envs/with_venv.sh

.PHONY: demo test bench rulegraph setup

demo:
	@$(VENV) python -m snakemake --cores $(CORES)

test:
	@$(VENV) python -m pytest

bench:
	@$(VENV) python benchmarks/extraction.py results/bench/extraction.tsv

rulegraph:
	@$(VENV) python docs/write_rulegraph.py

setup:
	@$(VENV) true
