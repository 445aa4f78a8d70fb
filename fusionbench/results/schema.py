"""The journal's tables, and how a journal of an earlier format becomes one of today.

Format 1 kept the path of a picture with the fusion that it showed, so that two settings that write to one path, or
two names for one result, could not be told apart; nor did it say which samples a data set had. Format 2 has tables
for both.
"""

from __future__ import annotations

import sqlite3

from fusionbench.types import FusionBenchError

SCHEMA_VERSION = 2

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, started TEXT NOT NULL, finished TEXT, outcome TEXT, provenance TEXT NOT NULL);
CREATE TABLE files (
    path TEXT PRIMARY KEY, stamp TEXT NOT NULL, reader TEXT NOT NULL, sha256 TEXT NOT NULL, pixels TEXT NOT NULL,
    height INTEGER NOT NULL, width INTEGER NOT NULL, bits INTEGER NOT NULL, notes TEXT NOT NULL DEFAULT '');
CREATE TABLE fusions (
    key TEXT PRIMARY KEY, status TEXT NOT NULL, error TEXT NOT NULL DEFAULT '', seconds REAL,
    timings TEXT NOT NULL DEFAULT '{}', image_sha256 TEXT, notes TEXT NOT NULL DEFAULT '', session INTEGER);
CREATE TABLE pictures (
    path TEXT PRIMARY KEY, fusion TEXT NOT NULL, sha256 TEXT NOT NULL, stamp TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE scores (
    fusion TEXT NOT NULL, metric TEXT NOT NULL, profile TEXT NOT NULL, version TEXT NOT NULL, value REAL,
    error TEXT NOT NULL DEFAULT '', PRIMARY KEY (fusion, metric, profile, version)) WITHOUT ROWID;
CREATE TABLE cells (
    method TEXT NOT NULL, dataset TEXT NOT NULL, sample TEXT NOT NULL, task TEXT NOT NULL,
    fusion TEXT NOT NULL, metrics TEXT NOT NULL, marks TEXT NOT NULL DEFAULT '', content TEXT NOT NULL DEFAULT '',
    image TEXT NOT NULL DEFAULT '', PRIMARY KEY (method, dataset, sample)) WITHOUT ROWID;
CREATE TABLE listings (
    dataset TEXT NOT NULL, sample TEXT NOT NULL, position INTEGER NOT NULL, content TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (dataset, sample)) WITHOUT ROWID;
"""

# Of several fusions written to one path the file shows the one of the latest session.
_PICTURES_OF_1 = """
    SELECT image AS path, key AS fusion, image_sha256 AS sha256, '' AS stamp FROM (
        SELECT *, row_number() OVER (PARTITION BY image ORDER BY session DESC, rowid DESC) AS age FROM {schema}.fusions
        WHERE image IS NOT NULL AND image_sha256 IS NOT NULL AND status = 'ok')
    WHERE age = 1"""
_CELLS_OF_1 = """
    SELECT c.method, c.dataset, c.sample, c.task, c.fusion, c.metrics, c.marks, '' AS content,
        coalesce(f.image, '') AS image
    FROM {schema}.cells c LEFT JOIN {schema}.fusions f ON f.key = c.fusion"""
# All samples ever listed: what has left the data set since shows when it is listed again.
_LISTINGS_OF_1 = """
    SELECT dataset, sample, min(position) AS position, '' AS content FROM {schema}.cells GROUP BY dataset, sample"""


def is_earlier(database: sqlite3.Connection) -> bool:
    """Whether a journal is of an earlier format; whatever is wrong with one that is not is for others to say.

    Raises:
        sqlite3.Error: It cannot be read.
        FusionBenchError: A newer version wrote it.
    """
    if not database.execute("SELECT count(*) FROM main.sqlite_master WHERE name='meta'").fetchone()[0]:
        return False
    row = database.execute("SELECT value FROM main.meta WHERE key='schema'").fetchone()
    told = str(row[0]) if row else ""
    found = int(told) if told.isascii() and told.isdecimal() and len(told) < 5 else SCHEMA_VERSION
    if found > SCHEMA_VERSION:
        raise FusionBenchError(
            f"it has journal format {found}, this fusionbench knows up to {SCHEMA_VERSION}.",
            hint="Install the fusionbench version that wrote it, or a newer one.",
        )
    return found < SCHEMA_VERSION


def create(database: sqlite3.Connection) -> None:
    """Make the tables of an empty database, in one transaction."""
    _at_once(database, TABLES)


def migrate(database: sqlite3.Connection) -> None:
    """Bring a journal of format 1 to today's, in one transaction: afterwards it is of the one or of the other.

    What was remembered of files is given up: it does not say by which code they were read.
    """
    carried = f"""
CREATE TEMP TABLE carried_pictures AS {_PICTURES_OF_1.format(schema="main")};
CREATE TEMP TABLE carried_cells AS {_CELLS_OF_1.format(schema="main")};
CREATE TEMP TABLE carried_listings AS {_LISTINGS_OF_1.format(schema="main")};
ALTER TABLE fusions RENAME TO former_fusions;
DROP TABLE files;
DROP TABLE cells;
"""
    kept = ("CREATE TABLE files", "CREATE TABLE fusions", "CREATE TABLE pictures", "CREATE TABLE cells")
    tables = [t for t in TABLES.split(";") if t.strip().startswith((*kept, "CREATE TABLE listings"))]
    filled = """
INSERT INTO fusions SELECT key, status, error, seconds, timings, image_sha256, notes, session FROM former_fusions;
DROP TABLE former_fusions;
INSERT INTO pictures SELECT * FROM carried_pictures;
INSERT INTO cells SELECT * FROM carried_cells;
INSERT INTO listings SELECT * FROM carried_listings;
DROP TABLE carried_pictures;
DROP TABLE carried_cells;
DROP TABLE carried_listings;
"""
    _at_once(database, carried + ";\n".join(tables) + ";" + filled)


def show_as_today(database: sqlite3.Connection) -> None:
    """Let a journal of format 1 be read as one of today without changing it: temporary tables hide its own."""
    database.executescript(f"""
CREATE TEMP TABLE pictures AS {_PICTURES_OF_1.format(schema="main")};
CREATE TEMP TABLE cells AS {_CELLS_OF_1.format(schema="main")};
CREATE TEMP TABLE listings AS {_LISTINGS_OF_1.format(schema="main")};
CREATE INDEX temp.cells_of ON cells (dataset, sample);
""")


def _at_once(database: sqlite3.Connection, statements: str) -> None:
    script = (
        f"BEGIN IMMEDIATE;\n{statements}\nINSERT OR REPLACE INTO meta VALUES ('schema', '{SCHEMA_VERSION}');\nCOMMIT;"
    )
    try:
        database.executescript(script)
    except sqlite3.Error:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
