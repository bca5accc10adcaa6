"""Sphinx: the API reference, made from openapi.yaml."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "ext"))

project = "caas API reference"
project_copyright = "caas developers"
extensions = ["openstackdocstheme", "openapi_pages"]
html_theme = "openstackdocs"
html_theme_options = {"sidebar_mode": "toc"}
openstackdocs_auto_name = False
