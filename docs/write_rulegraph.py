"""Write the graph of the rules into README.md, between its markers; --check: only compare.

The graph is Snakemake's own, made legible: figures are one node, tables are one, targets are left
out, and so is every arrow that a longer way through the graph implies.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BEGIN, END = "<!-- rulegraph: make rulegraph -->\n", "<!-- end of rulegraph -->"
TARGET = "study"
FAMILIES = {"plot_": "figures", "write_.*_table": "tables"}

Edges = set[tuple[str, str]]


def snakemake_rulegraph() -> str:
    """The rules of a study without results as a mermaid diagram."""
    command = [sys.executable, "-m", "snakemake", "--rulegraph", "mermaid-js"]
    command += ["--config", "study=rulegraph"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def read_edges(mermaid: str) -> Edges:
    """Pairs of rules, the first before the second, without the target."""
    names = dict(re.findall(r"^\s*(id\d+)\[(\w+)\]$", mermaid, re.M))
    pairs = re.findall(r"^\s*(id\d+) --> (id\d+)$", mermaid, re.M)
    return {(names[a], names[b]) for a, b in pairs if names[b] != TARGET}


def join_families(edges: Edges) -> Edges:
    """One node instead of all rules that plot, one instead of all that write tables."""
    rules = {rule for edge in edges for rule in edge}
    names = {rule: rule for rule in rules}
    for pattern, family in FAMILIES.items():
        members = [rule for rule in rules if re.match(pattern, rule)]
        names |= dict.fromkeys(members, f"{len(members)} {family}")
    return {(names[a], names[b]) for a, b in edges}


def reduce_edges(edges: Edges) -> Edges:
    """Leave out edges that a longer path implies; a rule that precedes itself keeps its loop."""
    after = {a: {b for x, b in edges if x == a and b != a} for a, _ in edges}

    def reachable(rule: str) -> set[str]:
        return set().union(*({b} | reachable(b) for b in after.get(rule, ())))

    implied = {(a, c) for a, following in after.items() for b in following for c in reachable(b)}
    return edges - implied


def draw(edges: Edges) -> str:
    """A mermaid diagram, in an order that depends on nothing but the edges."""

    def depth(rule: str) -> int:
        return max((1 + depth(a) for a, b in edges if b == rule != a), default=0)

    def node(rule: str) -> str:
        return rule if rule.isidentifier() else f'{rule.split()[1]}["{rule}"]'

    ordered = sorted(edges, key=lambda edge: (depth(edge[0]), edge[0], depth(edge[1]), edge[1]))
    lines = [f"    {node(a)} --> {node(b)}\n" for a, b in ordered]
    return "```mermaid\nflowchart TB\n" + "".join(lines) + "```\n"


def main() -> None:
    """Rewrite README.md, or say that it is out of date."""
    graph = draw(reduce_edges(join_families(read_edges(snakemake_rulegraph()))))
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    current, after = rest.split(END)
    if "--check" not in sys.argv[1:]:
        README.write_text(before + BEGIN + graph + END + after, encoding="utf-8")
    elif current != graph:
        sys.exit("the rule graph in README.md is out of date: make rulegraph")


if __name__ == "__main__":
    main()
