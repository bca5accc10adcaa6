"""Sphinx: the guides."""

project = "caas"
project_copyright = "caas developers"
extensions = ["openstackdocstheme", "sphinx.ext.autodoc"]
html_theme = "openstackdocs"
html_theme_options = {"sidebar_mode": "toctree"}
openstackdocs_auto_name = False
highlight_language = "none"
exclude_patterns = ["user/examples"]
