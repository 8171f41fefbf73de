"""The gallery's page as one drawing: lossless pictures with their captions, ready for a paper."""

import base64

from markupsafe import Markup

from spray.pictures.images import media_type
from viewer import html, pictures
from viewer.pictures import Look
from viewer.scene import Scene
from viewer.scene.addresses import scene_look, sharpness
from viewer.scene.gallery import Tile, gallery

SIDE, GAP, CAPTION, TILES_ACROSS = 112, 10, 34, 10
FONT = {"font_size": 11, "font_family": "system-ui, sans-serif"}
LONGEST_CAPTION = 20  # characters of a caption


def gallery_drawing(scene: Scene) -> Markup:
    """SVG of the tiles that the gallery shows; every picture is read, so not for the thread that serves pages."""
    look = scene_look(scene)
    tiles = gallery(scene.project, scene.category, scene.state).tiles
    columns = min(TILES_ACROSS, max(1, len(tiles)))
    places = (
        (GAP + at % columns * (SIDE + GAP), GAP + at // columns * (SIDE + GAP + CAPTION)) for at in range(len(tiles))
    )
    drawn = (_tile(scene, tile, look, *place) for tile, place in zip(tiles, places, strict=True))
    width, height = columns * (SIDE + GAP) + GAP, -(-len(tiles) // columns) * (SIDE + GAP + CAPTION) + GAP
    title = html.tag("title", f"{len(tiles)} samples of {scene.project.category_text(scene.category.name)}")
    paper = html.tag("rect", width=width, height=height, fill="#ffffff")
    view = {"viewBox": f"0 0 {width} {height}", "width": width, "height": height, "xmlns": "http://www.w3.org/2000/svg"}
    return html.tag("svg", title, paper, *drawn, **view) + "\n"


def _tile(scene: Scene, tile: Tile, look: Look, x: int, y: int) -> Markup:
    found = pictures.picture(scene.project, tile.sample, scene.state.mode, look)
    data = f"data:{media_type(found)};base64,{base64.b64encode(found).decode()}"
    style = f"image-rendering: {'pixelated' if sharpness(scene) == 'pixelated' else 'auto'}"
    image = html.tag("image", href=data, x=x, y=y, width=SIDE, height=SIDE, style=style)
    mark = html.tag("circle", cx=x + 5, cy=y + SIDE + 11, r=4, fill=tile.colour) if tile.colour else ""
    labels = tile.label if not tile.prediction or not tile.wrong else f"{tile.label} → {tile.prediction}"
    number = html.tag("text", f"sample {tile.sample}", x=x + 14, y=y + SIDE + 15, **FONT)
    return html.tag("g", image, mark, number, html.tag("text", labels[:LONGEST_CAPTION], x=x, y=y + SIDE + 28, **FONT))
