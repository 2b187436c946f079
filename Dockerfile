# One image for web, workers, clock and commands; what it does is chosen by the command.

FROM python:3.13-slim AS packages
COPY requirements.txt .
RUN python -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --require-hashes --no-deps --requirement requirements.txt \
    && /venv/bin/python -m pip check \
    && /venv/bin/python -m pip uninstall --yes --quiet pip

FROM python:3.13-slim
RUN groupadd --gid 10001 portal \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin portal \
    && install --directory --owner portal --group portal --mode 750 /srv/exports
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    EXPORT_ROOT=/srv/exports
WORKDIR /srv/portal
COPY --from=packages /venv /venv
COPY manage.py gunicorn.conf.py ./
COPY deploy/healthcheck.py deploy/
COPY lacportal lacportal
COPY exports exports
COPY templates templates
RUN python -m compileall -q lacportal exports
USER 10001:10001
VOLUME /srv/exports
EXPOSE 8000
CMD ["gunicorn", "lacportal.wsgi", "--bind", "0.0.0.0:8000"]
