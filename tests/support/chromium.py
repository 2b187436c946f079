"""Where a Chromium is, and how it is started so that it talks to this machine only."""

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

# The last such switch counts, so Playwright's own list is here once more. The popups are pages of the browser's own
# beneath its line for addresses: each window had a process for them, at a third of what a window costs.
NO_FEATURES = (
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxPopup",
)

SWITCHES = (
    f"--disable-features={','.join(NO_FEATURES)}",
    # All pages here are ours: one process shows them, and none is made ready for the next site.
    "--disable-site-isolation-trials",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-extensions",
    *(("--no-sandbox",) if os.geteuid() == 0 else ()),
)
# A device that holds passkeys and agrees to everything, as DevTools makes it.
PASSKEY_DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def find_chromium() -> Path | None:
    """Return the browser program: ``CHROMIUM`` from the environment, else the first found on PATH."""
    named = os.environ.get("CHROMIUM", "")
    if named:
        return Path(named)
    for name in NAMES:
        found = shutil.which(name, path=os.environ.get("PATH", "") + os.pathsep + "/usr/bin")
        if found:
            return Path(found)
    return None
