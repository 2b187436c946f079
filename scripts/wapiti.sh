#!/bin/sh
# Debian's wapiti against a running portal, as somebody who is signed in: scripts/wapiti.sh ADDRESS EMAIL PASSWORD [MINUTES]
# The report lies in wapiti-report/; the exit status is 1 when it names a vulnerability.
set -eu
address=$1 email=$2 password=$3 minutes=${4:-10}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 - "$address" "$email" "$password" "$folder/cookies.json" <<'PYTHON'
"""Sign in as a browser does; write the cookies as wapiti reads them."""
import http.cookiejar, json, re, sys, urllib.parse, urllib.request

address, email, password, target = sys.argv[1:]
jar = http.cookiejar.CookieJar()
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
page = browser.open(f"{address}/accounts/login/").read().decode()
token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
form = urllib.parse.urlencode({"csrfmiddlewaretoken": token, "login": email, "password": password}).encode()
done = browser.open(urllib.request.Request(f"{address}/accounts/login/", form, {"Referer": f"{address}/accounts/login/"}))
assert "/accounts/login" not in done.geturl(), "not signed in"
host = urllib.parse.urlsplit(address).hostname
host = host if "." in host else f"{host}.local"
cookies = {one.name: {"value": one.value, "expires": one.expires, "secure": one.secure, "port": None, "version": 0} for one in jar}
with open(target, "w") as file:
    json.dump({f".{host}" if host.endswith(".local") else host: {"/": cookies}}, file)
PYTHON
exec wapiti --url "$address/" --scope folder --cookie "$folder/cookies.json" \
    --exclude "$address/accounts/logout/" --exclude "$address/static/*" \
    --module "all" --level 2 --max-scan-time "$((minutes * 60))" --max-links-per-page 60 --flush-session \
    --format json --output wapiti-report --verbose 1
