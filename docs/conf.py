"""Configuration of the documentation: ``sphinx-build -W -b html docs docs/_build``."""

import logging
import re

import matplotlib.pyplot as plt
from docutils import nodes
from docutils.utils.math import latex2mathml
from sphinx_gallery.sorting import ExplicitOrder

import skmlp

project = "skmlp"
author = "The skmlp developers"
copyright = author
version = release = skmlp.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "matplotlib.sphinxext.plot_directive",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples"]
templates_path = ["_templates"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
math_eqref_format = "({number})"
html_math_renderer = "mathml"

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections show the types
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the templates list them
numpydoc_class_members_toctree = False
add_module_names = False

# The figures are drawn during the build.
plot_basedir = "user_guide/figures"
plot_formats = ["svg"]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = False

# The gallery: the scripts in examples/ run during the build and become pages in gallery/.
plt.style.use("user_guide/figures/skmlp.mplstyle")
EXAMPLES = [
    "xor",
    "by_hand",
    "order_of_updates",
    "one_sample_at_a_time",
    "two_class_toy",
    "sine_regression",
    "inverse_problem",
    "tables",
    "solvers",
    "grid_search",
]
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "within_subsection_order": ExplicitOrder([*(f"plot_{name}.py" for name in EXAMPLES), "*"]),
    "reset_modules": (),  # keeps the style
    "matplotlib_animations": True,
    "image_srcset": ["2x"],
    "capture_repr": (),
    "download_all_examples": False,
    "write_computation_times": False,
    "show_signature": False,
    "remove_config_comments": True,
}

html_theme = "pydata_sphinx_theme"
html_title = f"skmlp {version}"
html_static_path = ["_static"]
html_css_files = ["skmlp.css"]
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "header_links_before_dropdown": 6,
}
html_sidebars = {"**": []}

# Benchmark tables do not exist before they are measured: a toctree without them is not an error.
logging.getLogger("sphinx.sphinx.directives.other").addFilter(
    lambda record: getattr(record, "subtype", None) != "empty_glob"
)


def visit_math(translator, node):
    """Write an inline formula as MathML, which browsers display without a script."""
    translator.body.append(latex2mathml.tex2mathml(node.astext()))
    raise nodes.SkipNode


def visit_math_block(translator, node):
    """Write a displayed formula with its number, if any, as the target of references."""
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    label = f' id="equation-{nodes.make_id(node["label"])}"' if node.get("label") else ""
    formula = latex2mathml.tex2mathml(node.astext(), as_block=True)
    translator.body.append(f'<div class="math-display"{label}>{number}{formula}</div>\n')
    raise nodes.SkipNode


def strip_examples(app, docname, source):
    """Remove the empty line at the end of each example; only doctest needs it."""
    source[0] = source[0].replace("\n\n```\n", "\n```\n")


def strip_references(app, what, name, obj, options, lines):
    """Keep only the text of references to scikit-learn's own pages in inherited docstrings."""
    lines[:] = [re.sub(r":(?:term|ref):`([^`<]+?)(?: <[^`]*)?`", r"*\1*", line) for line in lines]


def setup(app):
    """Register the functions above."""
    app.connect("source-read", strip_examples)
    app.connect("autodoc-process-docstring", strip_references, priority=600)  # after numpydoc
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
