"""Where notebooks find the documentation of an estimator or a search."""

from __future__ import annotations

ADDRESS = ""
"""The address of the documentation, with a slash at its end. Without one, links stay within the page."""


class DocumentationLinkMixin:
    """Tells scikit-learn's HTML representation the page of a class.

    Only with a link does that representation explain parameters and fitted attributes under the mouse.
    ``sklearn.utils._repr_html.base`` documents these attributes for packages such as this one.
    """

    _doc_link_module = "skmlp"
    _doc_link_template = "{page}"

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        public = "skmlp.model_selection" if ".model_selection." in type(self).__module__ else "skmlp"
        page = f"{ADDRESS}api/generated/{public}.{type(self).__name__}.html"
        return {"page": page if ADDRESS else "#"}
