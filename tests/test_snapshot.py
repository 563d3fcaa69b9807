"""A page with its data: safe, repeatable, and in need of nothing else."""

import base64
import html.parser
import json
import re
import zlib

import numpy as np
import pytest
import toy

from rlvision_widgets.snapshot import save_snapshot
from rlvision_widgets.storage import save_study
from rlvision_widgets.widgets import Explorer, bundle, poster
from rlvision_widgets.widgets.page import parts, requests
from rlvision_widgets.widgets.page_world import opened
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.view import View

HOSTILE = '</script><img src=x onerror="document.title=1"> <!-- <script> & \' "'


class Page(html.parser.HTMLParser):
    """What a browser would see of a page: its elements, and the text inside each."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))
        self.inside = True

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.elements[-1][2].append(data)

    def all(self, tag, attribute=None):
        return [
            (attrs, "".join(text))
            for name, attrs, text in self.elements
            if name == tag and (attribute is None or attribute in attrs)
        ]


@pytest.fixture(scope="module")
def snapshot(study, tmp_path_factory):
    path = tmp_path_factory.mktemp("snapshot") / "toy.html"
    save_snapshot(study, path)
    return path.read_text(encoding="utf-8")


def test_every_request_of_the_page_has_its_answer(study, snapshot):
    replies = {
        attrs["data-rlv-reply"]: json.loads(text) for attrs, text in Page(snapshot).all("script", "data-rlv-reply")
    }
    source = StudySource(study)
    editing = ("bundle", {"name": "editing"})
    asked = [*requests(source), *parts(source), *opened(source), editing]
    assert len(replies) == len(asked) == 3 * (2 + 3 + 1 + 3) + 1 + len(list(parts(source))) + 2
    for method, params in asked:
        reply = replies[method + json.dumps(params, sort_keys=True, separators=(",", ":"))]
        flags, arrays = source.answer(method, params)
        assert {key: value for key, value in reply["result"].items() if key != "arrays"} == flags
        for spec, buffer in zip(reply["result"]["arrays"], reply["buffers"], strict=True):
            assert spec["encoding"] == "gzip"
            data = zlib.decompress(base64.b64decode(buffer), wbits=31)
            array = np.frombuffer(data, spec["dtype"]).reshape(spec["shape"])
            np.testing.assert_array_equal(array, arrays[spec["name"]].values)
            assert spec["dims"] == list(arrays[spec["name"]].dims)


def test_a_view_s_page_opens_as_the_view_stands(study, tmp_path):
    view = Explorer(study, trajectory=2, step=100, feature=1, overlay=False, playing=True)
    save_snapshot(view, tmp_path / "view.html")
    (state,) = Page((tmp_path / "view.html").read_text(encoding="utf-8")).all("script", "data-rlv-state")
    found = json.loads(state[1])
    assert (found["trajectory"], found["step"], found["feature"], found["overlay"]) == (2, 100, 1, False)
    assert (found["playing"], found["can_compute"], found["num_steps"]) == (False, False, 130)
    assert found["_study"] == StudySource(study).describe()
    public = {name for name, trait in Explorer.class_traits(sync=True).items() if issubclass(trait.this_class, View)}
    assert set(found) == public


def test_equal_views_give_equal_bytes(study, snapshot, tmp_path):
    save_study(study, tmp_path / "toy.zarr")
    save_snapshot(tmp_path / "toy.zarr", tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == snapshot


def test_the_page_allows_no_request_and_makes_none(snapshot):
    page = Page(snapshot)
    (policy,) = [attrs["content"] for attrs, _ in page.all("meta") if attrs.get("http-equiv")]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives == {
        "default-src": "'none'",
        "script-src": "'unsafe-inline' blob:",
        "style-src": "'unsafe-inline'",
        "img-src": "data: blob:",
    }
    assert not page.all("link")
    assert not [attrs for attrs, _ in page.all("script") if "src" in attrs]
    assert all(attrs["src"].startswith("data:image/png;base64,") for attrs, _ in page.all("img"))
    assert set(re.findall(r"https?://[^\s\"'`<>)\\]*", snapshot)) <= {"http://www.w3.org/2000/svg"}


def test_the_page_has_a_language_a_title_a_heading_and_words_without_scripts(snapshot):
    page = Page(snapshot)
    assert page.all("html")[0][0] == {"lang": "en"}
    assert page.all("title")[0][1] == page.all("h1")[0][1] == "What made-up agent sees in shapes"
    assert page.all("noscript")
    (image,) = page.all("img")
    assert base64.b64decode(image[0]["src"].split(",")[1]).startswith(b"\x89PNG")
    assert "weights sha256 0000" in snapshot.split("<footer>")[1]


def test_names_from_a_study_cannot_become_markup(tmp_path):
    study = toy.toy_study()
    study["layers/2b"]["feature_name"].values[0] = HOSTILE
    study.attrs["agent"] = HOSTILE
    save_snapshot(study, tmp_path / "hostile.html", title=HOSTILE)
    text = (tmp_path / "hostile.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not [attrs for attrs, _ in page.all("img") if "onerror" in attrs]
    assert page.all("title")[0][1] == page.all("h1")[0][1] == HOSTILE
    (state,) = page.all("script", "data-rlv-state")
    assert json.loads(state[1])["_study"]["layers"][0]["features"][0]["name"] == HOSTILE
    assert "<" not in state[1]
    assert len(re.findall("</script>", text)) == len(page.all("script"))


def test_code_that_holds_a_closing_tag_stays_inside_its_element(study, tmp_path, monkeypatch):
    for name in ("explorer", "standalone", *bundle.ON_DEMAND):
        (tmp_path / f"{name}.js").write_text('export default () => "</script><!-- <b>";')
    (tmp_path / "explorer.css").write_text('.a::before { content: "</style>"; }')
    monkeypatch.setattr(bundle, "STATIC", tmp_path)
    save_snapshot(study, tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert page.all("script", "data-rlv-esm")[0][1].count("<\\/script>") == 1
    assert not page.all("b")
    assert "<\\/style>" in page.all("style")[1][1]


def test_nothing_is_left_after_a_failure(study, tmp_path, monkeypatch):
    target = tmp_path / "page.html"
    target.write_text("earlier")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(StudySource, "answer", fail)
    with pytest.raises(OSError, match="disk full"):
        save_snapshot(study, target)
    assert target.read_text() == "earlier"
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]


def test_a_view_of_what_is_not_computed_says_so(study, tmp_path):
    class Connection:
        layers = ({"name": "1a", "channels": 4, "height": 64, "width": 64},)
        outputs = ("value",)

    with pytest.raises(ValueError, match="layer '1a', which is not computed"):
        save_snapshot(Explorer(study, connection=Connection(), layer="1a"), tmp_path / "page.html")


def test_an_unknown_keyword_names_the_nearest(study, tmp_path):
    with pytest.raises(TypeError, match="Did you mean 'title'"):
        save_snapshot(study, tmp_path / "page.html", titel="x")


def test_the_poster_colours_what_raises_and_dims_the_rest():
    observation = np.full((4, 4, 3), 104, np.uint8)
    strength = np.array([[[1.0, 0.0], [0.0, 0.25]], [[-1.0, 0.0], [2.0, 2.0]]])
    colours = np.array([[255.0, 0, 0], [0, 0, 255.0]])
    drawn = poster.composite(observation, strength, colours)
    dim = 78  # 0.75 of 104, which is grey already
    np.testing.assert_array_equal(drawn[3, 0], [dim] * 3)
    np.testing.assert_array_equal(drawn[0, 1], np.floor(np.array([0.9 * 255, 0, 0]) + 0.1 * dim + 0.5))
    np.testing.assert_array_equal(drawn[1, 2], np.floor(np.array([0, 0, 0.45 * 255]) + 0.55 * dim + 0.5))
    np.testing.assert_array_equal(drawn[2, 2], np.floor(0.9 * np.array([127.5, 0, 127.5]) + 0.1 * dim + 0.5))


def test_png_decodes_to_the_same_pixels(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(poster.png(pixels))
    np.testing.assert_array_equal(np.asarray(image.open(tmp_path / "a.png")), pixels)
