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
    for section, key in (("networks", "width"), ("training", "epochs")):
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


def frame_parts(wildcards):
    """Frames of all shards of a model, in order."""
    return expand(
        "<results>/frames/{model}/s{seed}/{shard}.h5",
        model=wildcards.model,
        seed=wildcards.seed,
        shard=SHARDS,
    )


def sum_parts(wildcards):
    """Group sums of all shards of a model, in order."""
    return expand(
        "<results>/sums/{model}/s{seed}/{shard}.h5",
        model=wildcards.model,
        seed=wildcards.seed,
        shard=SHARDS,
    )


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
