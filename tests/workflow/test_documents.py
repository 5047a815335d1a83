"""What the documents of the repository refer to is there."""

import re

import pytest
import yaml
from study_copy import ROOT

from snaps.introspection.layout import frame_layout
from snaps.networks import ConvStack, Layer

DOCUMENTS = ["README.md", "config/README.md", "results/README.md", "docs/method.md"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name):
    document = ROOT / name
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [t for t in targets if not (document.parent / t).exists()] == []


def test_the_code_refers_to_sections_that_docs_method_has():
    method = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^## (\d)\. ", method, re.M))
    sources = [path for kind in ("py", "smk") for path in (ROOT / "workflow").rglob(f"*.{kind}")]
    named = {
        number
        for path in sources
        for group in re.findall(
            r"METHOD(?: sections?)? ([\d, and]+)", path.read_text(encoding="utf-8")
        )
        for number in re.findall(r"\d", group)
    }
    assert named and named <= sections


def test_the_method_lists_the_claims_that_are_tested():
    method = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    values = (ROOT / "config" / "paper_values.tsv").read_text(encoding="utf-8")
    tested = {line.split("\t")[0] for line in values.splitlines()[1:]}
    assert tested == set(re.findall(r"^\| ([A-Z]{2}\d) \|", method, re.M))


@pytest.mark.parametrize("model", ["W2L", "W2P_shallow"])
def test_the_readme_says_how_large_dumps_can_be(model):
    described = yaml.safe_load((ROOT / "config" / "models.yaml").read_text(encoding="utf-8"))
    layers = [Layer(**layer) for layer in described["models"][model]["layers"]]
    layout = frame_layout(ConvStack(128, layers, [str(k) for k in range(layers[-1].filters)]))
    sizes = [128, *(layer.filters for layer in layers)]
    values = sum(
        (span[1] - span[0]) * size
        for layer, size in zip(layout.values(), sizes, strict=True)
        for span in (layer.kept, layer.live)
    )
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (bound,) = re.findall(rf"^\| {model} \| at most (\d+) MB \|", readme, re.M)
    assert int(bound) == -(-1000 * 2 * values // 10**6)
