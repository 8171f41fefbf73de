"""Pictures of every kind: right, or refused by name; never another picture in silence."""

import numpy as np
import pytest
from PIL import Image, ImageOps

import lrp
from bench.faults.pictures import COLOUR, GRAY, RAMP, REFUSED, RGB, SIXTEEN, clear, palette
from spray.colour.reading import UnknownPicture, as_bytes, colours, open_picture


@pytest.mark.parametrize("kind", GRAY)
def test_gray_of_any_depth_is_scaled_by_its_own_range(kind, tmp_path):
    make, expected = GRAY[kind]
    (tmp_path / "some.png").write_bytes(make())
    image = lrp.open_images(tmp_path, gray=True)[0][0]
    np.testing.assert_allclose(image.numpy()[0], expected, atol=0.003 if expected is RAMP and kind == "L" else 3e-4)
    assert lrp.open_images(tmp_path)[0][0].shape == (3, 3, 4)


@pytest.mark.parametrize("kind", COLOUR)
def test_colours_are_those_that_a_person_sees_on_white(kind, tmp_path):
    make, expected = COLOUR[kind]
    (tmp_path / "some.png").write_bytes(make())
    image = lrp.open_images(tmp_path)[0][0]
    np.testing.assert_allclose(image.numpy().transpose(1, 2, 0) * 255, expected, atol=1)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_one_meaning_is_refused_by_name(kind, tmp_path):
    make, words = REFUSED[kind]
    (tmp_path / "some.png").write_bytes(make())
    with pytest.raises(UnknownPicture, match=words):
        lrp.open_images(tmp_path)[0]


@pytest.mark.parametrize("mode", ["LA", "La", "PA", "RGBa", "YCbCr", "HSV"])
def test_modes_of_memory_alone(mode):
    source = {"LA": clear("LA"), "La": clear("LA").convert("La"), "RGBa": clear("RGBA").convert("RGBa")}
    picture = source.get(mode) or (palette() if mode == "PA" else Image.fromarray(RGB)).convert(mode)
    found = colours(picture)
    if mode in source:
        assert (np.asarray(found)[0] == 255).all()  # transparent is white
    else:
        np.testing.assert_allclose(as_bytes(found).astype(int), RGB, atol=8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("deep", [False, True], ids=["colour", "16 bits"])
def test_pictures_are_turned_as_cameras_noted_unless_they_shall_not(orientation, deep, tmp_path):
    picture = Image.fromarray(SIXTEEN if deep else RGB)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
    found = np.asarray(open_picture(tmp_path / "a.png"))
    np.testing.assert_allclose(found * 65535 if deep else found, expected, atol=0.01)
    assert lrp.open_images(tmp_path, exif=False)[0][0].shape == (3, 3, 4)


def test_a_name_does_not_make_a_picture_of_postscript(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "gs").write_text(f"#!/bin/sh\necho >> {tmp_path}/called\n")
    (tmp_path / "gs").chmod(0o755)
    (tmp_path / "cat.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n%%EOF\n")
    with pytest.raises(OSError, match="cannot identify"):
        lrp.open_images(tmp_path)[0]
    assert not (tmp_path / "called").exists()
