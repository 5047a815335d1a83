# Names, paths and helpers that the rules share; no rule.
import ast
import os
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

RESULTS = f"results/{config['study']}"
MODELS = list(config["models"])
SEED = config["seeds"][0]
SHARDS = [
    f"{number}-of-{config['introspection']['shards']}"
    for number in range(1, config["introspection"]["shards"] + 1)
]
GROUPINGS = ["predicted", "annotated"]

# Models of the paper's experiments (Table 2): alignment evaluation, representational similarity.
AE_MODELS = ["W2P", "W2P_shallow"]
RS_MODELS = ["W2L", "W2L_TL_frozen", "W2L_TL_finetuned"]
NAP_SHOWN = [["W2L", "predicted"], *([model, "annotated"] for model in RS_MODELS + AE_MODELS)]
# The last layer that the transfer models take over (paper 4.2): 5.
TRANSITION = config["models"]["W2L_TL_frozen"]["transferred"]

# The report reads like the paper; in brackets the paper's sections.
SECTIONS = {
    "method": "1 Method, data, models (3, 4)",
    "alignment": "2 Alignment evaluation (5.1)",
    "snaps": "3 Per-layer SNAPs (5.2)",
    "similarity": "4 Representational similarity (5.3)",
    "letters": "5 Letters and phonemes in W2L (5.4)",
    "appendix": "6 Appendix (A)",
    "claims": "7 The paper's claims",
}

LIBRARY = Path(os.path.relpath(Path(str(workflow.current_basedir)).parent)) / "snaps"
PHONES = LIBRARY.parent.parent / "config" / "phones.tsv"


def library_file(name):
    """Source file of a module of the library, or None where the name is no module of it."""
    path = LIBRARY.parent.joinpath(*name.split("."))
    candidates = [path.with_suffix(".py"), path / "__init__.py"]
    return next((file for file in candidates if file.exists()), None)


@cache
def library_imports(name):
    """Modules of the library that one of its modules imports itself."""
    found = set()
    for node in ast.walk(ast.parse(library_file(name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found |= {item for item in names if item.startswith("snaps.") and library_file(item)}
    return found


def library(*names):
    """Source files of modules of the library and of all they import: inputs of a rule, so that
    an edit reruns just the stages that use it."""
    waiting, seen = list(names), set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += library_imports(name)
    return sorted(str(library_file(name)) for name in seen)


def check_models():
    """Settings that each model has one of name every model and nothing else."""
    for section, key in (
        ("networks", "width"),
        ("training", "epochs"),
        ("training", "learning_rate"),
    ):
        wrong = sorted(set(config[section][key]) ^ set(MODELS))
        if wrong:
            raise WorkflowError(
                f"{section}.{key} needs one value for each model ({', '.join(MODELS)}) and no "
                f"other; see to {', '.join(wrong)}"
            )


def locate_corpus():
    """Folder of the corpus: the user's, the fetched or the embedded one."""
    path = config["corpus_path"]
    if path is None:
        folder = "fetched" if config["corpus"]["url"] else "speech"
        return f"{RESULTS}/corpus/{folder}"
    if not Path(path).is_dir():
        raise WorkflowError(
            f"corpus_path is {path!r}, and there is no such folder: name the folder of a TIMIT "
            "corpus, for example --config corpus_path=../timit"
        )
    return path


def parent_weights(wildcards):
    """Weights that initialise a model."""
    parent = config["models"][wildcards.model]["parent"]
    return f"<results>/models/{parent}/s{wildcards.seed}/weights.safetensors" if parent else []


def report_page(name, section, item, shows, caption):
    """A result in the report: its section, "Figure 2" or the like, a line on it, its caption."""
    # The report sorts by text; a second space, which no browser shows, sets 2 before 10.
    kind, number = item.split()
    return report(
        name,
        caption=f"../report/{caption}.rst",
        category=SECTIONS[section],
        labels={"result": f"{kind} {number:>2}", "shows": shows},
    )


def figure_files(name, section, item, shows, caption=None):
    """Outputs of a rule that draws a figure; the facts are what only the data can tell."""
    path = f"<results>/figures/{name}"
    return {
        "pdf": f"{path}.pdf",
        "png": report_page(f"{path}.png", section, item, shows, caption or name),
        "facts": f"{path}.txt",
    }


def table_files(name, section, item, shows):
    """Outputs of a rule that writes a table; the report shows the page."""
    path = f"<results>/tables/{name}"
    return {
        "tsv": f"{path}.tsv",
        "md": f"{path}.md",
        "html": report_page(f"{path}.html", section, item, shows, name),
    }


def check_dumps():
    """Refuse dumps of some layers that nobody would read, or that no network has."""
    settings = config["dumps"]
    if not settings["enabled"] or settings["layers"] is None:
        return
    if not settings["keep"]:
        raise WorkflowError(
            "config: dumps.layers is a list, so groups are summed in memory and nothing else reads "
            "the dumps: set dumps.keep: true, or dumps.layers: null"
        )
    deepest = max(len(model["layers"]) for model in config["models"].values())
    names = ["input", *(f"layer_{number:02d}" for number in range(1, deepest + 1))]
    if unknown := sorted(set(settings["layers"]) - set(names)):
        raise WorkflowError(
            f"config: dumps.layers: no network has {', '.join(unknown)}; layers are {names[0]}, "
            f"{names[1]} to {names[-1]}"
        )


check_models()
check_dumps()
CORPUS = locate_corpus()


# Dumps are large and can be made again: they go once they have been summed, unless kept.
DUMP = str if config["dumps"]["keep"] else temp
# Sums can only be read from a dump of all layers.
SUMS_FROM_DUMPS = config["dumps"]["enabled"] and config["dumps"]["layers"] is None
