"""Configuration of the documentation: ``sphinx-build -W -b html docs docs/_build``."""

import html
import importlib
import inspect
import logging
import re

import matplotlib.pyplot as plt
from docutils import nodes
from docutils.utils.math import latex2mathml
from sphinx.util.logging import getLogger
from sphinx_gallery.sorting import ExplicitOrder

import skmlp
from skmlp.estimators.documentation_link import ADDRESS

project = "skmlp"
author = "The skmlp developers"
copyright = author
version = release = skmlp.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
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
autosummary_ignore_module_all = False  # pages of the short import paths list what these name
COMMON_METHODS = {"get_params", "set_params", "get_metadata_routing", "set_callbacks"}
COMMON_METHODS |= {f"set_{method}_request" for method in ["fit", "partial_fit", "predict", "score"]}
autosummary_context = {"common_methods": COMMON_METHODS}
autodoc_typehints = "none"  # numpydoc's sections show the types
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the templates list them
numpydoc_class_members_toctree = False
add_module_names = False
toc_object_entries_show_parents = "hide"

# Links to other documentation where the network can be reached; without it, the names stay as text.
intersphinx_mapping = {
    name: (address, None)
    for name, address in {
        "python": "https://docs.python.org/3/",
        "numpy": "https://numpy.org/doc/stable/",
        "scipy": "https://docs.scipy.org/doc/scipy/",
        "sklearn": "https://scikit-learn.org/stable/",
        "joblib": "https://joblib.readthedocs.io/en/stable/",
        "matplotlib": "https://matplotlib.org/stable/",
    }.items()
}
intersphinx_timeout = 5
intersphinx_logger = logging.getLogger("sphinx.sphinx.ext.intersphinx")
intersphinx_logger.addFilter(lambda record: record.levelno < logging.WARNING)

# Copied examples run: without prompts and outputs.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# The figures are drawn during the build.
plot_basedir = "user_guide/figures"
plot_formats = ["svg"]
plot_html_show_formats = False
plot_html_show_source_link = True
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
    "notebook",
    "imbalanced",
    "conformal",
    "forecast",
    "export",
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
html_baseurl = ADDRESS
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["skmlp.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": f"skmlp {version}"},
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "navbar_persistent": ["search-button"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": []}


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


def add_description(app, pagename, templatename, context, doctree):
    """Describe a page for search engines by its first paragraph."""
    paragraph = doctree and next(doctree.findall(nodes.paragraph), None)
    if paragraph:
        text = html.escape(" ".join(paragraph.astext().split()))
        context["metatags"] += f'<meta name="description" content="{text[:300]}">'


def check_pages(app, env):
    """Warn, which makes the build fail, if a public name or a public method of a class has no entry."""
    documented = set(env.domaindata["py"]["objects"])
    for name in ["skmlp", "skmlp.model_selection", "skmlp.inspection"]:
        module = importlib.import_module(name)
        for public in sorted(module.__all__):
            entries, value = {f"{name}.{public}"}, getattr(module, public)
            if isinstance(value, type):
                methods = dict(inspect.getmembers(value, inspect.isroutine)).keys() - COMMON_METHODS
                entries |= {f"{name}.{public}.{method}" for method in methods if not method.startswith("_")}
            for entry in sorted(entries - documented):
                getLogger(__name__).warning("no entry for %s", entry)


def setup(app):
    """Register the functions above."""
    app.connect("source-read", strip_examples)
    app.connect("html-page-context", add_description)
    app.connect("env-check-consistency", check_pages)
    app.connect("autodoc-process-docstring", strip_references, priority=600)  # after numpydoc
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
