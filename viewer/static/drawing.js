// How Bokeh shall draw, before it runs: `data-drawing` of the page. Asking takes a tenth of a second, so it is deferred
// until the page is painted.
"use strict";

{
  const root = document.documentElement;

  // WebGL that the processor computes takes several times as long as the canvas does: then Bokeh is told there is none.
  // Measured with 100 000 points in SwiftShader: 4 s a frame by WebGL, 0.5 s by canvas.

  function isWebglSlow() {
    const gl = document.createElement("canvas").getContext("webgl");
    const info = gl?.getExtension("WEBGL_debug_renderer_info");
    const name = info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : "";
    gl?.getExtension("WEBGL_lose_context")?.loseContext();
    return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
  }

  function hideWebgl() {
    const getContext = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
      return kind.startsWith("webgl") ? null : getContext.call(this, kind, ...rest);
    };
  }

  root.dataset.drawing = isWebglSlow() ? "canvas" : "webgl";
  if (root.dataset.drawing === "canvas") hideWebgl();
}
