"""Sphinx: the release notes."""

project = "caas release notes"
project_copyright = "caas developers"
extensions = ["openstackdocstheme", "reno.sphinxext"]
html_theme = "openstackdocs"
openstackdocs_auto_name = False
