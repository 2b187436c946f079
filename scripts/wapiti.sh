#!/bin/sh
# Debian's wapiti against a running portal, as somebody who is signed in:
#     scripts/wapiti.sh ADDRESS EMAIL PASSWORD [MINUTES]
# The report is written to wapiti-report.json. Never against a portal that people use: it sends every form.
set -eu
address=$1 email=$2 password=$3 minutes=${4:-20}
jar=$(mktemp)
trap 'rm -f "$jar"' EXIT

form_token() {
    curl --silent --cookie "$jar" --cookie-jar "$jar" "$address/accounts/login/" |
        sed -n 's/.*name="csrfmiddlewaretoken" value="\([^"]*\)".*/\1/p' | head -n 1
}

token=$(form_token)
curl --silent --output /dev/null --cookie "$jar" --cookie-jar "$jar" --referer "$address/accounts/login/" \
    --data-urlencode "csrfmiddlewaretoken=$token" --data-urlencode "login=$email" --data-urlencode "password=$password" \
    "$address/accounts/login/"
cookies=$(awk '$6 != "" && $7 != "" { printf "%s%s=%s", gap, $6, $7; gap = "; " }' "$jar")
case $cookies in *sessionid=*) ;; *) echo "Not signed in." >&2 && exit 1 ;; esac

# Debian 12's own fails at any --exclude (a flag at the end of a regular expression, which Python 3.11 refuses).
/usr/bin/python3 -c '
import re, sys
from wapitiCore.main.wapiti import wapiti_main
from wapitiCore.net import crawler
crawler.wildcard_translate = lambda text: re.compile(".*".join(map(re.escape, text.split("*"))) + "$", re.DOTALL)
sys.argv[0] = "wapiti"
wapiti_main()
' --url "$address/" --scope folder --header "Cookie: $cookies" --flush-session \
    --exclude "$address/accounts/logout/" --exclude "$address/static/*" --exclude "$address/admin/logout/" \
    --level 1 --max-links-per-page 50 --no-bugreport \
    --max-scan-time "$((minutes * 12))" --max-attack-time "$((minutes * 3))" \
    --format json --output wapiti-report.json
