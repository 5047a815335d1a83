"""What the documents of the repository refer to is there."""

import re

import pytest
from study_copy import ROOT

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
