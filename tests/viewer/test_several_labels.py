"""Samples of several labels in the browser: each is in several categories, in each with the relevance of that class."""

import re
import urllib.request

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

import lrp
import spray
from spray.cli import main as spray_command
from spray.store import findings
from tests.lrp.dataset.test_options import SMALL
from viewer.state import encode

pytestmark = pytest.mark.slow  # a project is explained, analysed and ranked

NAMES = ["cat", "dog", "bird"]
N, FEATURES = 60, 6


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A project by the usual way, its labels, and the weights, which with the inputs say what each relevance is."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(N, FEATURES)).astype("f4"), rng.integers(0, 2, (N, 3)).astype(bool)
    labels[: N // 3, 1] = labels[: N // 3, 0]  # so that dogs are told by cats
    weight = torch.from_numpy(rng.normal(size=(3, FEATURES)).astype("f4"))
    model = torch.nn.Linear(FEATURES, 3, bias=False).eval()
    model.weight.data = weight
    explain = lrp.explainer(model, torch.zeros(1, FEATURES), lrp.composites.epsilon_plus())
    path = tmp_path_factory.mktemp("several") / "pets"
    dataset = [(torch.from_numpy(one), torch.from_numpy(label)) for one, label in zip(x, labels, strict=True)]
    lrp.attribute_dataset(
        explain, dataset, path, target="label", label_names=NAMES, keep=lrp.Kept(kind="table"), **SMALL
    )
    spray.analyse(
        spray.open_attributions(path), spray.recipes.spectral(neighbors=4, components=4), out=path, progress=False
    )
    spray_command(["rank", str(path)])
    shares = x[:, None] * weight.numpy()
    return path, labels, shares / shares.sum(-1, keepdims=True)  # LRP-epsilon of one dense layer, started with 1


@pytest.fixture(scope="module")
def at(serve, several):
    return serve(several[0])


def relevance_drawn(viewer, sample: int) -> list[float]:
    """The numbers on the heatmap in focus, largest first."""
    address = viewer.page.locator(f'.focus img[alt="heatmap of sample {sample}"]').evaluate("image => image.src")
    with urllib.request.urlopen(address) as reply:
        return numbers(reply.read().decode())


def numbers(drawing: str) -> list[float]:
    """On a drawing, from the top."""
    return [float(text) for text in re.findall(r">(-?[\d.]+(?:e[-+]\d+)?)</text>", drawing)]


def test_a_sample_has_in_each_category_the_relevance_of_that_class(visit, at, several):
    _, labels, relevance = several
    sample = int(np.flatnonzero(labels[:, 0] & labels[:, 2])[0])
    for number in (0, 2):
        viewer = visit(f"?category={number}&analysis=spectral&focus={sample}", at=at)
        values = relevance[sample, number]
        wanted = values[np.argsort(-np.abs(values))]
        np.testing.assert_allclose(relevance_drawn(viewer, sample), wanted, rtol=0.01)
        names = ", ".join(name for name, has in zip(NAMES, labels[sample], strict=True) if has)
        expect(viewer.page.locator(".focus dl").first).to_contain_text(names)
    viewer.open_category("cat (0)")
    viewer.page.wait_for_function("location.search.includes('method=relevance_of_class_0')")
    expect(viewer.page.locator("div.banner").get_by_role("alert")).to_have_count(0)  # nothing that is not there


def test_the_gallery_names_all_labels_and_differs_tests_each(visit, at, several):
    _, labels, _ = several
    cats = np.flatnonzero(labels[:, 0])
    dogs = cats[labels[cats, 1]]
    viewer = visit(f"?category=0&analysis=spectral&selection={encode(dogs)}&page_size=100", at=at)
    page = viewer.page
    viewer.expect_samples(dogs.tolist())
    caption = page.locator(f'.samples figure[data-sample="{dogs[0]}"] figcaption')
    expect(caption).to_contain_text("cat, dog")
    page.get_by_role("button", name="Differs").click()
    first = page.locator(".side-differences .difference").first
    expect(first).to_contain_text("label dog")
    expect(first).to_contain_text("yes: 100%, of the rest 0%")
    first.get_by_role("button", name="filter").click()
    page.wait_for_function("location.search.includes('filter=')")
    viewer.expect_samples(dogs.tolist())
    page.get_by_role("button", name="Labels", exact=True).click()
    expect(page.locator(".side-labels")).to_contain_text("several labels each")
    page.get_by_role("button", name="Filters", exact=True).click()
    viewer.choose("True label", "bird")
    both = dogs[labels[dogs, 2]]
    viewer.expect_samples(both.tolist())


def test_cards_and_sheets_show_the_mean_of_their_class(visit, at, several):
    _, labels, relevance = several
    viewer = visit("?analysis=verdict&view=categories", at=at)
    images = viewer.page.locator('.categories img[alt*="category: mean heatmap"]')
    expect(images.first).to_be_visible()
    drawn = {}
    for image in images.evaluate_all("all => all.map(image => image.src)"):
        number = int(re.findall(r"/category/[^/]+/[^/]+/(\d)/", image)[0])
        with urllib.request.urlopen(image) as reply:
            drawn[number] = numbers(reply.read().decode())
    assert drawn.keys() == {0, 1, 2}
    for number, found in drawn.items():
        mean = relevance[labels[:, number], number].mean(0)
        wanted = mean[np.argsort(-np.abs(mean))]
        np.testing.assert_allclose(found, wanted, rtol=0.01)
    viewer.page.get_by_role("navigation", name="Views").get_by_role("button", name="Clusters").click()
    expect(viewer.page.locator(".page.clusters article").first).to_be_visible()
    viewer.settled()


def test_a_finding_of_another_category_is_compared_as_far_as_it_has_the_class(visit, at, several):
    path, labels, _ = several
    findings.keep(path, findings.Finding("some", samples=tuple(range(N))))
    cats = np.flatnonzero(labels[:, 0])
    viewer = visit(f"?category=0&analysis=spectral&view=compare&against=some&selection={encode(cats[:5])}", at=at)
    expect(viewer.page.locator(".page.compare h3").nth(1)).to_have_text(f"some, {len(cats)} samples")
    viewer.settled()
