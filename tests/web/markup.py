"""Reads an answer's HTML the way a strict browser and a screen reader would."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = {"input", "img", "link", "meta", "br", "hr", "source", "wbr"}


@dataclass
class Element:
    """One start tag with its attributes."""

    tag: str
    attrs: dict[str, str]
    text: str = ""


@dataclass
class Reader(HTMLParser):
    """Collects all elements and the texts inside them."""

    elements: list[Element] = field(default_factory=list)
    _open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place].tag == tag:
                del self._open[place:]
                return
        raise AssertionError(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data


def read(answer: Any) -> list[Element]:
    """Return the elements of an HTML answer.

    Raises:
        AssertionError: something is closed that was never opened.
    """
    reader = Reader()
    reader.feed(answer.content.decode())
    reader.close()
    return reader.elements


def text_of(answer: Any) -> str:
    """Return the words of a page, white space made single."""
    whole = next((one for one in read(answer) if one.tag == "main"), None)
    text = whole.text if whole else "".join(one.text for one in read(answer)[:1])
    return re.sub(r"\s+", " ", text).strip()


def ticked(answer: Any, name: str) -> list[str]:
    """Return the values of the boxes of a name that are ticked, as they stand."""
    boxes = (one.attrs for one in read(answer) if one.attrs.get("name") == name)
    return [attrs["value"] for attrs in boxes if "checked" in attrs]


def check_page(answer: Any) -> list[Element]:
    """Hold a page to the rules of the house and return its elements.

    No inline script or style (CSP), ids unique, every form that changes something carries its token, every input has a
    name for a screen reader, one main heading, language given.
    """
    elements = read(answer)
    ids = [one.attrs["id"] for one in elements if one.attrs.get("id")]
    assert len(ids) == len(set(ids)), sorted(one for one in ids if ids.count(one) > 1)
    labels = {one.attrs.get("for") for one in elements if one.tag == "label"}
    wrapped = {_key(inner) for inner in _inside(answer, "label")}
    for one in elements:
        assert "style" not in one.attrs, one
        assert not [name for name in one.attrs if name.startswith("on")], one
        assert one.tag != "style"
        if one.tag == "script":
            assert one.attrs.get("src") or one.attrs.get("type") == "application/json", one
            if one.attrs.get("src"):
                assert not one.text.strip()
        if one.tag in ("input", "select", "textarea") and one.attrs.get("type") not in ("hidden", "submit"):
            named = one.attrs.get("aria-label") or one.attrs.get("id") in labels
            assert named or _key(one) in wrapped, one
        if one.tag == "img":
            assert "alt" in one.attrs, one
        if one.tag == "a":
            assert one.text.strip() or one.attrs.get("aria-label"), one
        if one.tag == "button":
            assert one.text.strip() or one.attrs.get("aria-label"), one
    assert len([one for one in elements if one.tag == "h1"]) == 1
    assert next(one for one in elements if one.tag == "html").attrs["lang"]
    posts = answer.content.decode().lower().split('method="post"')[1:]
    assert all("csrfmiddlewaretoken" in post.split("</form>")[0] for post in posts)
    return elements


def _key(element: Element) -> tuple[str, str, str]:
    return element.tag, element.attrs.get("name", ""), element.attrs.get("value", "")


def _inside(answer: Any, tag: str) -> list[Element]:
    found: list[Element] = []

    class Inner(Reader):
        def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
            super().handle_starttag(name, attrs)
            if any(one.tag == tag for one in self._open):
                found.append(self.elements[-1])

    inner = Inner()
    inner.feed(answer.content.decode())
    return found
