"""What stands in the files of docs/first-connector.md, and in its database."""

from __future__ import annotations

TAP = """\
version: 1
default_environment: dev
environments: [{name: dev}]
plugins:
  extractors:
    - name: tap-postgres
      namespace: tap_postgres
      pip_url: >-
        meltanolabs-tap-postgres==0.10.0 singer-sdk==0.54.9
        sqlalchemy==2.0.51 psycopg2-binary==2.9.12
      executable: tap-postgres
      capabilities: [catalog, discover, state]
"""
SALES = """\
name: sales
owner: team-data
engine: dlt
source: filesystem
config: {bucket_url: data/incoming}
destination: lake.sales
streams:
  sales:
    write: append
    cursor: modification_date
    config:
      file_glob: "*.csv"
      format: csv
      types: {id: bigint, price: "decimal(12,2)", sold_at: timestamp}
"""
ORDERS = """\
name: orders
owner: team-data
engine: dlt
source: rest_api
config:
  client:
    base_url: "%s"
    auth: {type: bearer, token: "${token}"}
    paginator: {type: single_page}
secrets: {token: "env:ORDERS_TOKEN"}
destination: lake.orders
streams:
  orders:
    write: merge
    primary_key: id
    cursor: updated_at
    config: {path: orders, params: {since: "${cursor}"}, initial_value: "2024-01-01T00:00:00Z"}
"""
CUSTOMERS = """\
name: customers
owner: team-data
engine: dlt
source: sql_database
config: {credentials: "%s"}
secrets: {password: "env:CUSTOMERS_PASSWORD"}
destination: lake.customers
streams:
  customers: {write: merge, primary_key: id, cursor: updated_at}
"""
STORES = """\
name: stores
owner: team-data
engine: meltano
source: tap-postgres
config: {sqlalchemy_url: "%s", filter_schemas: [public]}
secrets: {password: "env:CUSTOMERS_PASSWORD"}
destination: lake.stores
streams:
  public-stores: {write: merge, primary_key: id}
"""
TABLES = """\
CREATE TABLE customers (
    id integer PRIMARY KEY, name text, credit numeric(12,2), updated_at timestamptz);
INSERT INTO customers
    SELECT n, 'customer ' || n, n * 1.25, '2024-01-01T00:00:00Z'::timestamptz + n * interval '1 h'
    FROM generate_series(1, 1000) n;
CREATE TABLE stores (id integer PRIMARY KEY, city text);
INSERT INTO stores VALUES (1, 'Berlin'), (2, 'Lisboa'), (3, 'Zürich')
"""
