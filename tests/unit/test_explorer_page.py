"""The explorer in a browser: it opens without a network, and every control changes the picture.

Needs Chromium: on Debian and Ubuntu, `apt-get install chromium`.
"""

import re
import shutil

import numpy as np
import pytest
from planted_explorer import (
    CITATION,
    GROUPS,
    OUTPUTS,
    TABLE,
    plant_recordings,
    plant_views,
)
from playwright.sync_api import sync_playwright

from snaps.errors import StudyError
from snaps.explorer.maps import pack_layer, unpack_layer
from snaps.explorer.page import (
    PLOTLY,
    TEMPLATE,
    build_page,
    cite,
    fill,
    first_groups,
    library_version,
    pack_views,
    write_json,
)

# A browser on a busy machine.
PATIENCE_MS = 120_000
SEARCHED = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    with plant_views(tmp_path_factory.mktemp("explorer")) as planted:
        yield planted


def page_of(views, **options):
    return build_page(views, OUTPUTS, TABLE, "planted <corpus>", 0, CITATION, **options)


@pytest.fixture(scope="module")
def file(views, tmp_path_factory):
    """The page with recordings, in a folder with a space in its name."""
    path = tmp_path_factory.mktemp("a page") / "explorer.html"
    path.write_text(page_of(views, recordings=plant_recordings(views))[0], encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, SEARCHED)), None)
    if found is None:
        pytest.fail(
            "no Chromium to open the explorer in: install it (Debian, Ubuntu: apt-get install "
            f"chromium), so that one of {', '.join(SEARCHED)} is on the path"
        )
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found)
        yield chromium
        chromium.close()


class Reader:
    """Somebody who reads the page, and all that the browser complains of or asks for."""

    def __init__(self, browser, path, width=1280):
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.set_default_timeout(PATIENCE_MS)
        self.complaints, self.requests = [], []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.settle()

    def go_to(self, view):
        """Follow a link to another view of the page."""
        self.page.evaluate(
            """view => location.hash.slice(1) === view || new Promise(done => {
                addEventListener("hashchange", done, {once: true});
                location.hash = view;
            })""",
            view,
        )
        self.settle()

    def begin_again(self):
        """Forget the view, and what was complained of before."""
        self.page.check("input[name=target][value=a]")
        self.page.set_viewport_size({"width": 1280, "height": 900})
        self.go_to("again")
        self.complaints.clear()

    def settle(self):
        self.page.wait_for_selector("body[data-state=ready]")

    def plotted(self, name):
        """What plotly has drawn there: the numbers of every trace."""
        return self.page.evaluate(
            "name => document.getElementById(name).data.map(t => [t.x ?? null, t.y ?? null, "
            "t.z ?? null, t.customdata ?? null, t.marker?.color ?? null, t.line?.color ?? null])",
            name,
        )

    def shapes(self, name):
        return self.page.evaluate("name => document.getElementById(name).layout.shapes", name)

    def choose(self, name, value):
        self.page.select_option(f"#{name}", value)
        self.settle()

    def values(self):
        return {
            name: self.page.input_value(f"#{name}")
            for name in ("model", "layer", "grouping", "a", "b", "percentile")
        }

    def click_point(self, name, trace, place):
        """Click on a point of a trace."""
        x, y = self.page.evaluate(
            """([name, trace, place]) => {
                const plot = document.getElementById(name);
                plot.scrollIntoView({block: "center"});
                const {left, top} = plot.getBoundingClientRect();
                const {xaxis, yaxis} = plot._fullLayout;
                const {x, y} = plot.data[trace];
                return [
                    left + xaxis._offset + xaxis.d2p(x[place]),
                    top + yaxis._offset + yaxis.d2p(y[place]),
                ];
            }""",
            [name, trace, place],
        )
        self.page.mouse.move(x - 3, y)
        self.page.mouse.move(x, y)
        # plotly looks for a new point at most every 50 ms.
        self.page.wait_for_timeout(200)
        self.page.mouse.click(x, y)
        self.page.wait_for_timeout(200)
        self.settle()


@pytest.fixture(scope="module")
def opened(browser, file):
    """The page, opened once."""
    return Reader(browser, file)


@pytest.fixture
def reader(opened):
    """The page as it begins, which may not complain of anything nor ask for any other file."""
    assert opened.complaints == []
    opened.begin_again()
    yield opened
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith(("data:", "blob:"))] == [
        opened.requests[0]
    ]
    assert opened.requests[0].startswith("file:")


def test_it_begins_with_two_groups_of_the_input(reader, tmp_path):
    assert reader.values() == {
        "model": "W2P_shallow",
        "layer": "input",
        "grouping": "annotated",
        "a": "aa",
        "b": "s",
        "percentile": "90",
    }
    assert len(reader.plotted("maps")) == 8
    about = reader.page.inner_text("#about")
    assert "planted <corpus>" in about and "It is not the paper" in about and "Seed 0" in about
    assert "10.3390/electronics10111350" in reader.page.inner_text("#citation")
    assert reader.page.title() == "SNAP explorer: planted <corpus>, seed 0"
    for width in (1280, 1920):
        reader.page.set_viewport_size({"width": width, "height": 900})
        reader.page.wait_for_timeout(500)
        picture = tmp_path / f"explorer_{width}.png"
        reader.page.screenshot(path=picture, full_page=True)
        print(f"screenshot: {picture}")
        overflow = reader.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0


def test_it_is_drawn_with_the_library_that_it_names(reader):
    version = reader.page.evaluate("Plotly.version")
    assert library_version((TEMPLATE / PLOTLY).read_text(encoding="utf-8")) == version
    assert f"plotly.js {version}" in reader.page.inner_text("#citation")
    with pytest.raises(StudyError, match=r"plotly-cartesian.min.js .* npm's"):
        library_version("/**\n* another.js v1.0.0\n")


def test_the_maps_are_those_of_the_profiles(reader, views):
    profiles, clusterings = views["W2P_shallow", "annotated"]
    _, maps, _ = unpack_layer(pack_layer(profiles, "input", clusterings["input"], 24)[0])
    shown = [np.array(trace[2]) for trace in reader.plotted("maps")]
    places = [profiles.groups.index(group) for group in ("aa", "s")]
    expected = [maps[kind][k] for kind in ("snap", "navai", "mask", "activation") for k in places]
    for mine, theirs in zip(shown, expected, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(
    ("control", "value", "changed"),
    [
        ("model", "deep", ("maps", "tree", "nearest", "silhouette")),
        ("layer", "layer_01", ("maps", "tree", "nearest")),
        ("grouping", "predicted", ("maps", "tree", "nearest", "silhouette")),
        ("a", "m", ("maps", "nearest")),
        ("b", "m", ("maps",)),
        ("percentile", "50", ("tree",)),
    ],
)
def test_each_control_changes_the_picture(reader, control, value, changed):
    parts = ("maps", "tree", "nearest", "silhouette")
    before = {name: reader.plotted(name) for name in parts}
    marks = reader.shapes("tree"), reader.shapes("silhouette")
    reader.choose(control, value)
    after = {name: reader.plotted(name) for name in parts}
    assert {name for name in changed if before[name] == after[name]} == set()
    assert reader.values()[control] == value
    if control in ("a", "b", "percentile"):
        assert reader.shapes("tree") != marks[0]
    if control == "layer":
        assert reader.shapes("silhouette") != marks[1]
    assert f"{control}={value}" in reader.page.url


def test_swap_puts_one_group_in_the_place_of_the_other(reader):
    before = reader.plotted("maps")
    reader.page.click("#swap")
    reader.settle()
    values, after = reader.values(), reader.plotted("maps")
    assert (values["a"], values["b"]) == ("s", "aa")
    assert [after[0][2], after[1][2]] == [before[1][2], before[0][2]]


def test_a_click_in_the_tree_chooses_a_group(reader):
    leaves = reader.plotted("tree")[-1][3]
    reader.click_point("tree", len(reader.plotted("tree")) - 1, leaves.index("m"))
    assert reader.values()["a"] == "m"
    reader.page.check("input[name=target][value=b]")
    reader.click_point("tree", len(reader.plotted("tree")) - 1, leaves.index("sh"))
    assert reader.values()["b"] == "sh"


def test_clicks_on_a_near_group_and_on_a_layer(reader):
    near = reader.plotted("nearest")[0][3]
    reader.click_point("nearest", 0, 0)
    assert reader.values()["b"] == near[0]
    reader.click_point("silhouette", 0, 1)
    assert reader.values()["layer"] == "layer_01"


def test_nearest_groups_are_sorted_by_the_distances_of_the_clustering(reader, views):
    clustering = views["W2P_shallow", "annotated"][1]["input"]
    row = clustering.distance[clustering.groups.index("aa")]
    order = sorted((d, g) for d, g in zip(row, clustering.groups, strict=True) if g != "aa")
    shown = reader.plotted("nearest")[0]
    assert shown[3] == [group for _, group in order]
    assert shown[0] == pytest.approx([d for d, _ in order], rel=1e-3)


def test_a_hidden_layer_says_that_it_has_no_navai_and_what_is_left_out(reader):
    reader.choose("layer", "layer_01")
    assert len(reader.plotted("maps")) == 6
    note = reader.page.inner_text("#maps-note")
    assert "There is no NAvAI of this layer" in note
    assert re.search(r"the 24 of 70 features that matter most \(\d+ % of the squared SNAPs\)", note)


def test_the_output_layer_names_its_units(reader):
    reader.choose("layer", "layer_02")
    names = [row[0] for row in reader.plotted("maps")[0][3]]
    assert names[0] == "blank" and names[1:] == list(TABLE.phones)


def test_a_group_that_is_not_clustered_is_shown_and_said_to_be(reader):
    reader.go_to("model=deep&grouping=predicted&a=+&b=s")
    assert reader.values()["a"] == " "
    assert "takes no part in the clustering" in reader.page.inner_text("#nearest-note")
    assert len(reader.plotted("maps")) == 8


def test_the_address_holds_the_view(browser, reader, file):
    reader.choose("model", "deep")
    reader.choose("layer", "layer_02")
    reader.choose("a", "ae")
    other = Reader(browser, file)
    other.go_to(reader.page.url.split("#")[1])
    assert other.values() == reader.values()
    assert other.plotted("maps") == reader.plotted("maps")
    other.go_to("model=none&layer=layer_99&a=none")
    assert other.values()["model"] == "W2P_shallow" and other.values()["a"] == "aa"
    assert other.complaints == []
    other.page.close()


def test_controls_can_be_used_with_the_keyboard(reader):
    reader.page.focus("#a")
    reader.page.keyboard.press("ArrowDown")
    reader.settle()
    assert reader.values()["a"] == GROUPS["phones"][1]
    unnamed = reader.page.evaluate(
        """[...document.querySelectorAll("select, input, button, audio")].filter(
            e => !(e.labels?.length || e.textContent.trim() || e.getAttribute("aria-label"))
        ).length"""
    )
    assert unnamed == 0


def test_recordings_are_heard_from_the_page_itself(reader):
    audio = reader.page.locator("audio").first
    assert audio.evaluate("a => a.src").startswith("blob:")
    reader.page.wait_for_selector("audio")
    reader.page.click(".recording button")
    assert audio.evaluate(
        """async a => {
            const begin = performance.now();
            const from = a.currentTime;
            while (performance.now() - begin < 60000 && !(a.currentTime > from + 0.02)) {
                await new Promise(later => setTimeout(later, 20));
            }
            return a.error === null && a.currentTime > from;
        }"""
    )
    # As long as it says, so that the marks lie where the group is.
    assert audio.evaluate("a => a.duration") == pytest.approx(2.0, abs=0.06)


def test_without_recordings_there_is_no_sound_in_the_page(browser, views, tmp_path):
    page, _ = page_of(views)
    assert "recording/" not in re.sub(r"<script>\n.*", "", page, flags=re.S)
    path = tmp_path / "explorer.html"
    path.write_text(page, encoding="utf-8")
    reader = Reader(browser, path)
    assert reader.page.locator("audio").count() == 0
    assert not reader.page.is_visible("#recordings-panel")
    assert "of the embedded corpus alone" in reader.page.inner_text("#limits")
    assert reader.complaints == []
    reader.page.close()


def test_the_same_study_gives_the_same_bytes(views):
    first, second = (page_of(views, recordings=plant_recordings(views))[0] for _ in range(2))
    assert first == second


def test_a_page_that_is_too_large_shows_fewer_features_then_fewer_models(views):
    _, whole = page_of(views)
    assert whole["features"] == 24 and whole["left_out"] == []
    _, fewer = page_of(views, page_bytes=whole["bytes"] - 1)
    assert fewer["features"] < 24 and fewer["left_out"] == []
    sizes = [limit for limit, models, _ in pack_views(views, list(OUTPUTS)) if len(models) == 1]
    assert sizes == [8]
    *_, last = pack_views(views, list(OUTPUTS))
    assert last[1] == ["deep"] and {name.split("/")[0] for name in last[2]} == {"deep"}
    with pytest.raises(StudyError, match="too many groups"):
        page_of(views, page_bytes=1000)


def test_the_first_groups_are_those_wanted_or_the_most_frequent():
    assert first_groups(["aa", "b", "s"], [1, 9, 5], ("aa", "s")) == ["aa", "s"]
    assert first_groups(["b", "s", "t"], [1, 5, 9], ("aa", "s")) == ["s", "t"]
    assert first_groups(["b"], [1], ("aa", "s")) == ["b"]


def test_paper_and_software_are_cited():
    paper, software = cite(CITATION)
    assert paper.startswith("Krug, A.; Ebrahimzadeh, M.; Alemann, J.; Johannsmeier, J.; Stober, S.")
    assert "Electronics 2021, 10(11), 1350. https://doi.org/10.3390/electronics10111350" in paper
    assert CITATION["title"] in software and CITATION["version"] in software


def test_a_template_is_filled_once_and_whole():
    assert fill("a<!--{x}-->b<!--{y}-->", {"x": "1", "y": "<!--{x}-->"}) == "a1b<!--{x}-->"
    with pytest.raises(StudyError, match="template"):
        fill("<!--{x}-->", {"x": "1", "y": "2"})
    assert write_json({"a": "</script>"}) == '{"a":"\\u003c/script>"}'
