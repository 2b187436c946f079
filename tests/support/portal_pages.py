"""A person's browser at the portal's pages, without scripts."""

import re

import requests

_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class PortalPages:
    """Signs in once and reads pages.

    Args:
        base_url: the portal's own, such as ``http://127.0.0.1:8000``.
    """

    def __init__(self, base_url: str, email: str, password: str) -> None:
        self._base_url = base_url
        self._email = email
        self._password = password
        self._session: requests.Session | None = None

    def get(self, path: str) -> str:
        """Return a page's HTML as the signed-in person sees it; it must be 200."""
        if self._session is None:
            self._session = self._sign_in()
        page = self._session.get(self._base_url + path, timeout=60, allow_redirects=False)
        assert page.status_code == 200, f"{path}: {page.status_code} {page.text[:300]}"
        return page.text

    def close(self) -> None:
        """Forget the sign-in."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _sign_in(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.headers["Connection"] = "close"  # the web process is killed now and then
        address = f"{self._base_url}/accounts/login/"
        found = _CSRF.search(session.get(address, timeout=60).text)
        assert found is not None, "no sign-in form"
        form = {"csrfmiddlewaretoken": found[1], "login": self._email, "password": self._password}
        answer = session.post(address, data=form, timeout=60, allow_redirects=False)
        assert answer.status_code == 302, answer.text[:500]
        return session
