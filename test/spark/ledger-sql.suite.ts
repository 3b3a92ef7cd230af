import { ledgerSqlContract } from "../contract/ledger-sql.ts";

ledgerSqlContract("spark");
