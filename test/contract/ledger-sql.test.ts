import { ledgerSqlContract } from "./ledger-sql.ts";

ledgerSqlContract("duckdb");
