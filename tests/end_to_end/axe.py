"""axe-core: finds what keeps people with a screen reader, a keyboard or weak sight from using a page."""

from pathlib import Path

from playwright.sync_api import Page

SOURCE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js").read_text()
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")

_RUN = """
async ([tags, without]) => {
  const found = await axe.run(document, {
    runOnly: {type: "tag", values: tags}, resultTypes: ["violations"],
    rules: Object.fromEntries(without.map((rule) => [rule, {enabled: false}])),
  });
  return found.violations.map((rule) => [rule.id, rule.help, rule.nodes.map((node) => node.target.join(" "))]);
}
"""


def barriers(page: Page, *, without: tuple[str, ...] = ()) -> list[str]:
    """Return what axe-core finds wrong with the page as it stands, a line for each rule."""
    # By way of the debugger, which the page's content security policy doesn't concern.
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(f"() => {{ {SOURCE} }}")
    found = page.evaluate(_RUN, [list(TAGS), list(without)])
    return [f"{rule}: {sentence} at {places[:5]}" for rule, sentence, places in found]
