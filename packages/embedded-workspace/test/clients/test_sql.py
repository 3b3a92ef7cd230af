"""The official Python SQL connector, unmodified, against a started workspace."""

import os
import unittest
import uuid
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import urlparse

from databricks import sql
from databricks.sql import exc

host = urlparse(os.environ["DATABRICKS_HOST"])


def connect(**options):
    # The port is a private option of the connector; its name begins with an underscore.
    return sql.connect(
        server_hostname=host.hostname,
        http_path=os.environ["DATABRICKS_HTTP_PATH"],
        access_token=os.environ["DATABRICKS_TOKEN"],
        _port=host.port,
        _tls_trusted_ca_file=os.environ["SSL_CERT_FILE"],
        enable_telemetry=False,
        **options,
    )


class Sql(unittest.TestCase):
    def setUp(self):
        self.connection = connect()
        self.cursor = self.connection.cursor()
        self.table = f"main.default.t_{uuid.uuid4().hex[:8]}"

    def tearDown(self):
        self.cursor.execute(f"DROP TABLE IF EXISTS {self.table}")
        self.cursor.close()
        self.connection.close()

    def test_select(self):
        self.cursor.execute("SELECT 1 AS one, 'ü' AS text, CAST(NULL AS STRING) AS nothing")
        self.assertEqual([tuple(row) for row in self.cursor.fetchall()], [(1, "ü", None)])
        self.assertEqual([column[0] for column in self.cursor.description], ["one", "text", "nothing"])

    def test_named_parameters(self):
        self.cursor.execute(
            "SELECT :n + 1 AS n, :s AS s, :b AS b, :nothing AS nothing",
            {"n": 41, "s": "it's", "b": True, "nothing": None},
        )
        self.assertEqual(tuple(self.cursor.fetchone()), (42, "it's", True, None))

    def test_ordinal_parameters(self):
        self.cursor.execute("SELECT ? AS a, ? AS b", [1, "two"])
        self.assertEqual(tuple(self.cursor.fetchone()), (1, "two"))

    def test_tables_and_merge(self):
        self.cursor.execute(f"CREATE TABLE {self.table} (id BIGINT, name STRING, price DECIMAL(10,2)) USING DELTA")
        self.cursor.execute(f"INSERT INTO {self.table} VALUES (1, 'a', 1.50), (2, 'b', 2.25)")
        self.cursor.execute(
            f"""MERGE INTO {self.table} t USING (SELECT 2 AS id, 'B' AS name, CAST(9.99 AS DECIMAL(10,2)) AS price
                UNION ALL SELECT 3, 'c', CAST(3 AS DECIMAL(10,2))) s ON t.id = s.id
                WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"""
        )
        self.assertEqual(tuple(self.cursor.fetchone()), (2, 1, 0, 1))
        self.cursor.execute(f"SELECT * FROM {self.table} ORDER BY id")
        self.assertEqual(
            [tuple(row) for row in self.cursor.fetchall()],
            [(1, "a", Decimal("1.50")), (2, "B", Decimal("9.99")), (3, "c", Decimal("3.00"))],
        )

    def test_types(self):
        self.cursor.execute(
            "SELECT CAST('2026-01-02' AS DATE) AS d, CAST('2026-01-02 03:04:05' AS TIMESTAMP) AS t,"
            " CAST(9007199254740993 AS BIGINT) AS big, CAST(1.5 AS DOUBLE) AS f"
        )
        row = self.cursor.fetchone()
        self.assertEqual(row.d, date(2026, 1, 2))
        self.assertEqual(row.t.replace(tzinfo=None), datetime(2026, 1, 2, 3, 4, 5))
        self.assertEqual((row.big, row.f), (9007199254740993, 1.5))

    def test_errors(self):
        with self.assertRaises(exc.ServerOperationError) as raised:
            self.cursor.execute("SELECT * FROM main.default.no_such_table")
        self.assertIn("TABLE_OR_VIEW_NOT_FOUND", str(raised.exception))
        with self.assertRaises(exc.ServerOperationError) as raised:
            self.cursor.execute("SELEC 1")
        self.assertIn("PARSE_SYNTAX_ERROR", str(raised.exception))

    def test_many_rows(self):
        self.cursor.execute("SELECT id FROM range(0, 25000)")
        self.assertEqual(sum(row[0] for row in self.cursor.fetchall()), 25000 * 24999 // 2)

    def test_catalog_listings(self):
        self.cursor.schemas(catalog_name="main")
        self.assertIn("default", [row[0] for row in self.cursor.fetchall()])
        self.cursor.execute(f"CREATE TABLE {self.table} (id INT)")
        self.cursor.tables(catalog_name="main", schema_name="default")
        self.assertIn(self.table.rsplit(".", 1)[1], [row[2] for row in self.cursor.fetchall()])

    def test_the_other_principal_may_do_nothing(self):
        with self.assertRaises(exc.Error):
            sql.connect(
                server_hostname=host.hostname,
                http_path=os.environ["DATABRICKS_HTTP_PATH"],
                access_token=os.environ["DATABRICKS_OTHER_TOKEN"],
                _port=host.port,
                _tls_trusted_ca_file=os.environ["SSL_CERT_FILE"],
                enable_telemetry=False,
            ).cursor().execute("SELECT 1")


if __name__ == "__main__":
    unittest.main()
