"""Settings, from the environment alone (design.md §6). There is no DEBUG, and no default that is wrong in
production but the two secrets, which must be given."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from lacportal import environment

BASE_DIR = Path(__file__).resolve().parent.parent

# --- secrets ---------------------------------------------------------------------------------------------

SECRET_KEY = environment.required(
    "SECRET_KEY",
    "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(50))'",
)
TOKEN_ENCRYPTION_KEYS = environment.encryption_keys("TOKEN_ENCRYPTION_KEYS")

# --- where we live ---------------------------------------------------------------------------------------

DEBUG = False
PUBLIC_URL = environment.origin("PUBLIC_URL", environment.value_of("PUBLIC_URL", "http://localhost:8000"))
_public = urlsplit(PUBLIC_URL)
_is_https = _public.scheme == "https"
_is_loopback = _public.hostname in ("localhost", "127.0.0.1", "::1")
ALLOWED_HOSTS = environment.listed("ALLOWED_HOSTS") or (
    ["localhost", "127.0.0.1", "[::1]"] if _is_loopback else [_public.hostname or ""]
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
ROOT_URLCONF = "lacportal.urls"
WSGI_APPLICATION = "lacportal.wsgi.application"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "axes",
    "csp",
    "exports",
]

MIDDLEWARE = [
    "exports.web.middleware.BalancerMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "exports.web.middleware.AddressMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",  # before whatever may refuse a request
    "exports.web.middleware.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "exports.web.sessions.SessionLimitMiddleware",
    "exports.web.middleware.PersonMiddleware",
    "exports.web.flood.FloodMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "exports.web.middleware.MethodPageMiddleware",
    "exports.web.middleware.AccountMethodsMiddleware",
    "axes.middleware.AxesMiddleware",
    "exports.web.devices.DeviceMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "exports.web.context.portal",
            ],
        },
    },
]

# --- database --------------------------------------------------------------------------------------------

DATABASES = {"default": environment.database("DATABASE_URL", f"sqlite:///{BASE_DIR / 'db.sqlite3'}")}
_database = DATABASES["default"]
if _database["ENGINE"].endswith("sqlite3"):
    # Measured: with these, 8 writers for 20 s saw no error (dependencies.md); the defaults gave thousands.
    _database["OPTIONS"] = {
        **_database.get("OPTIONS", {}),
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    _database["CONN_MAX_AGE"] = 60
    _database["CONN_HEALTH_CHECKS"] = True
    _database["OPTIONS"] = {"connect_timeout": 5, **_database.get("OPTIONS", {})}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people ----------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "exports.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "exports.services.passwords.GuessingValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "export-list"
ACCOUNT_ADAPTER = "exports.web.accounts.ClosedAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # people are invited or made by an administrator, never self-registered
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[LAC Portal] "
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_RATE_LIMITS = {"login_failed": False}  # django-axes throttles, in the database, for all web processes
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
MFA_ADAPTER = "exports.web.second_factors.SecondFactors"
MFA_FORMS = {
    "add_webauthn": "exports.web.second_factors.AddPasskeyForm",
    "edit_webauthn": "exports.web.second_factors.RenamePasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "LAC Portal"
# Browsers themselves offer passkeys without https at localhost only.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _is_https
# Single sign-on with the company's identity provider: on once OIDC_SERVER_URL is given.
OIDC_PROVIDER_ID = "company"  # stands in the address that the provider sends people back to
OIDC_SERVER_URL, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET = environment.identity_provider()
OIDC_NAME = environment.value_of("OIDC_NAME", "single sign-on")
OIDC_DOMAINS = environment.domains("OIDC_DOMAINS")
SOCIALACCOUNT_ADAPTER = "exports.web.company.CompanySignIn"
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": OIDC_PROVIDER_ID,
                "name": OIDC_NAME,
                "client_id": OIDC_CLIENT_ID,
                "secret": OIDC_CLIENT_SECRET,
                "settings": {"server_url": OIDC_SERVER_URL},
            }
        ]
        if OIDC_SERVER_URL
        else [],
    }
}
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 10
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # a stranger elsewhere can't lock the owner out
AXES_HANDLER = "exports.web.throttle.Throttle"
AXES_USERNAME_FORM_FIELD = "login"
AXES_USERNAME_CALLABLE = "exports.web.throttle.tried_address"
AXES_SENSITIVE_PARAMETERS = ["login", "username", "email", "password"]  # passwords get typed into each of them
AXES_CLIENT_IP_CALLABLE = "exports.services.addresses.client_address"  # behind a proxy: the visitor's, not the proxy's
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "account/locked.html"
AXES_HTTP_RESPONSE_CODE = 429
AXES_VERBOSE = False
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # names in messages stay off the way
SESSION_COOKIE_AGE = 14 * 24 * 3600  # from the sign-in, however busy (exports/web/sessions.py)
SESSION_IDLE_LIMIT = timedelta(hours=12)
USERSESSIONS_ADAPTER = "exports.web.sessions.SessionsOnRecord"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "exports.web.errors.csrf_failure"

# --- transport security ----------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = _is_https
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _is_https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _is_https
SECURE_HSTS_PRELOAD = _is_https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _is_https else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _is_https
DEVICE_COOKIE_NAME = "__Host-device" if _is_https else "device"
if _is_https:
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
    LANGUAGE_COOKIE_SECURE = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# --- language and time -----------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ja", _("Japanese"))]
LOCALE_PATHS = [BASE_DIR / "exports" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- static files: served by whitenoise straight from the packages, no collectstatic ----------------------

STATIC_URL = "/static/"
STATICFILES_DIRS: list[Path] = []
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600

# --- mail ------------------------------------------------------------------------------------------------

_email = environment.mail_server("EMAIL_URL", "consolemail://")
EMAIL_BACKEND = _email["EMAIL_BACKEND"]
EMAIL_HOST = _email.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = _email.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _email.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _email.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = _email.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _email.get("EMAIL_USE_SSL", False)
EMAIL_FILE_PATH = _email.get("EMAIL_FILE_PATH") or None  # filemail:////folder: each mail a file there
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = environment.sender("DEFAULT_FROM_EMAIL", f"LAC Portal <noreply@{_public.hostname}>")

# --- the outside -----------------------------------------------------------------------------------------

ANALYTICS_CLOUD_ORIGINS = environment.origins("ANALYTICS_CLOUD_ORIGINS", default=["https://analytics.liferay.com"])

# --- exports ---------------------------------------------------------------------------------------------

EXPORT_ROOT = environment.folder("EXPORT_ROOT", BASE_DIR / "var" / "exports")
EXPORT_STORAGE_URL = environment.value_of("EXPORT_STORAGE_URL")
EXPORT_ACCEL_LOCATION = environment.location("EXPORT_ACCEL_LOCATION")
_CENTURY = 100 * 366 * 24  # hours; a date that far ahead can still be written
EXPORT_RETENTION_HOURS = environment.number("EXPORT_RETENTION_HOURS", 24, least=0, most=_CENTURY)
EXPORT_TICK_SECONDS = environment.number("EXPORT_TICK_SECONDS", 5, least=0.05, most=60)
EXPORT_POLL_MAX_SECONDS = environment.number("EXPORT_POLL_MAX_SECONDS", 300, least=0.01, most=900)
# Who only shortens the longest wait means the shortest, too.
EXPORT_POLL_FIRST_SECONDS = environment.number(
    "EXPORT_POLL_FIRST_SECONDS", min(15, EXPORT_POLL_MAX_SECONDS), least=0.01
)
EXPORT_LEASE_SECONDS = environment.number("EXPORT_LEASE_SECONDS", 90, least=0.5, most=900)
EXPORT_DEADLINE_HOURS = environment.number("EXPORT_DEADLINE_HOURS", 24, least=0, most=_CENTURY)
EXPORT_SUBMIT_AHEAD = environment.whole("EXPORT_SUBMIT_AHEAD", 24, least=1, most=10_000)
EXPORT_MAX_ATTEMPTS = environment.whole("EXPORT_MAX_ATTEMPTS", 5, least=1, most=10_000)
EXPORT_STALL_SECONDS = environment.number("EXPORT_STALL_SECONDS", 60, least=0.1, most=24 * 3600)
EXPORT_MAX_BYTES = environment.whole("EXPORT_MAX_BYTES", 20 * 1000**3, least=1)
EXPORT_MAX_UNPACKED_BYTES = environment.whole("EXPORT_MAX_UNPACKED_BYTES", 200 * 1000**3, least=1)
EXPORT_MIN_FREE_BYTES = environment.whole("EXPORT_MIN_FREE_BYTES", 1000**3, least=0)
if EXPORT_POLL_FIRST_SECONDS > EXPORT_POLL_MAX_SECONDS:
    raise ImproperlyConfigured("EXPORT_POLL_FIRST_SECONDS must not be above EXPORT_POLL_MAX_SECONDS.")

# --- flooding ----------------------------------------------------------------------------------------------

# Of each personal token and each signed-in person, for each web process; bursts of twenty seconds' worth go through.
REQUESTS_PER_SECOND = environment.number("REQUESTS_PER_SECOND", 100, least=20)

# --- Celery ----------------------------------------------------------------------------------------------

REDIS_URL = environment.broker("REDIS_URL", "redis://localhost:6379/0")
# kombu names unix sockets another way than redis-py and everybody else does.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1) if REDIS_URL.startswith("unix://") else REDIS_URL
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,  # a second delivery is harmless: the row's lease decides
    "socket_connect_timeout": 5,
    "socket_timeout": 15,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "retry_on_timeout": True,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_TIMEOUT = 5
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # the lease brings the row back; a poisoned file must not loop
CELERY_TASK_DEFAULT_QUEUE = "poll"
CELERY_TASK_CREATE_MISSING_QUEUES = True
# Six hours of download (services/advance.py), then gate and upload; or one long conversion.
CELERY_TASK_TIME_LIMIT = 9 * 3600
CELERY_TASK_SOFT_TIME_LIMIT = CELERY_TASK_TIME_LIMIT - 60
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = environment.whole("WORKER_CONCURRENCY", 6, least=1)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BEAT_SCHEDULER = "lacportal.beat:SteadyScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = min(EXPORT_TICK_SECONDS, 5)
CELERY_BEAT_SCHEDULE = {
    "tick": {
        "task": "exports.tick",
        "schedule": timedelta(seconds=EXPORT_TICK_SECONDS),
        "options": {"queue": "poll", "expires": max(30, 2 * EXPORT_TICK_SECONDS)},
    },
    "reap": {
        "task": "exports.reap",
        "schedule": timedelta(seconds=60),
        "options": {"queue": "poll", "expires": 60},
    },
    "mails": {
        "task": "exports.send_mails",
        "schedule": timedelta(seconds=30),
        "options": {"queue": "poll", "expires": 30},
    },
}
CELERY_TIMEZONE = "UTC"

# --- logs: one line each, ids only; never a token, never a body -------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redact": {"()": "exports.redaction.RedactingFilter"}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["redact"]},
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "urllib3": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
    },
}
