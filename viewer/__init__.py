"""Explore a project in the browser: `bokeh serve viewer --args PROJECT...`."""
