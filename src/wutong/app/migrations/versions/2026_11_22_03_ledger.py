"""Tables of the room ledger, with the triggers and functions that keep it true."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261122_03_ledger"
down_revision = "20261122_02_identity"
branch_labels = None
depends_on = None

# What is appended stays as it is; what is cached is changed by transfers only (a trigger runs at depth 1, a statement from outside at 0).
GUARDS = """
CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is not allowed: the ledger is appended to, and corrected by reversals', TG_OP, TG_TABLE_NAME USING ERRCODE = '0A000';
END $$;

CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON ledger_transfer FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON ledger_transfer FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON ledger_account FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON ledger_account FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER kept BEFORE DELETE ON ledger_hold FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER kept BEFORE DELETE ON ledger_hold_source FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER kept BEFORE DELETE ON ledger_balance FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER kept BEFORE DELETE ON ledger_credit FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER computed BEFORE UPDATE ON ledger_balance FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER computed BEFORE UPDATE OF remaining, charged ON ledger_hold_source FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER computed BEFORE UPDATE OF charged ON ledger_hold FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_refuse();

CREATE FUNCTION ledger_born_empty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_TABLE_NAME = 'ledger_balance' THEN NEW.amount := 0; END IF;
  IF TG_TABLE_NAME = 'ledger_hold' THEN NEW.charged := 0; END IF;
  IF TG_TABLE_NAME = 'ledger_hold_source' THEN NEW.remaining := 0; NEW.charged := 0; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER born_empty BEFORE INSERT ON ledger_balance FOR EACH ROW EXECUTE FUNCTION ledger_born_empty();
CREATE TRIGGER born_empty BEFORE INSERT ON ledger_hold FOR EACH ROW EXECUTE FUNCTION ledger_born_empty();
CREATE TRIGGER born_empty BEFORE INSERT ON ledger_hold_source FOR EACH ROW EXECUTE FUNCTION ledger_born_empty();
"""

# Single-row statements by key on purpose: their plans cannot go wrong however large the tables grow. Balances come last and in order of id,
# so that the row of a busy organisation is locked for as short as can be, and two writers never wait for each other crosswise.
CACHES = """
CREATE FUNCTION ledger_account_opened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.owner <> 'centre' AND NEW.kind IN ('cash', 'credit', 'receivable') THEN
    INSERT INTO ledger_balance (account_id, amount, sign) VALUES (NEW.id, 0, CASE NEW.kind WHEN 'receivable' THEN -1 ELSE 1 END);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER opened AFTER INSERT ON ledger_account FOR EACH ROW EXECUTE FUNCTION ledger_account_opened();

CREATE FUNCTION ledger_transfer_posted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  r record;
BEGIN
  FOR r IN SELECT hold_id, from_account, to_account, amount, kind FROM fresh WHERE hold_id IS NOT NULL ORDER BY hold_id, id LOOP
    UPDATE ledger_hold_source SET remaining = remaining + r.amount WHERE hold_id = r.hold_id AND hold_account = r.to_account;
    UPDATE ledger_hold_source SET remaining = remaining - r.amount, charged = charged + CASE r.kind WHEN 'charge' THEN r.amount ELSE 0 END
      WHERE hold_id = r.hold_id AND hold_account = r.from_account;
    IF r.kind = 'charge' THEN
      UPDATE ledger_hold SET charged = charged + r.amount WHERE id = r.hold_id;
    END IF;
  END LOOP;
  FOR r IN
    SELECT account_id, sum(delta)::bigint AS delta
    FROM (SELECT from_account AS account_id, -amount AS delta FROM fresh UNION ALL SELECT to_account, amount FROM fresh) AS sides
    GROUP BY account_id HAVING sum(delta) <> 0 ORDER BY account_id
  LOOP
    UPDATE ledger_balance SET amount = amount + r.delta WHERE account_id = r.account_id AND (amount + r.delta) * sign >= 0;
    IF NOT FOUND AND EXISTS (SELECT FROM ledger_balance WHERE account_id = r.account_id) THEN
      RAISE EXCEPTION 'account % would be overdrawn', r.account_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_ledger_balance_covered', DETAIL = (
          SELECT jsonb_build_object('owner', a.owner, 'kind', a.kind, 'unit', a.unit, 'label', a.label, 'has', abs(b.amount), 'needs', abs(r.delta))
          FROM ledger_account a JOIN ledger_balance b ON b.account_id = a.id WHERE a.id = r.account_id);
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER posted AFTER INSERT ON ledger_transfer REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_transfer_posted();
"""

# One round trip for a whole verb. Everything happens in a block with an exception handler, so that a refusal leaves the caller's
# transaction usable and nothing behind.
VERBS = """
CREATE FUNCTION ledger_find_account(p_owner text, p_kind text, p_unit text, p_label text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT id FROM ledger_account WHERE owner = p_owner AND kind = p_kind AND unit = p_unit AND label = p_label);
END $$;

CREATE FUNCTION ledger_open_account(p_owner text, p_kind text, p_unit text, p_label text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_id bigint := ledger_find_account(p_owner, p_kind, p_unit, p_label);
BEGIN
  IF v_id IS NULL THEN
    INSERT INTO ledger_account (owner, kind, unit, label) VALUES (p_owner, p_kind, p_unit, p_label)
      ON CONFLICT (owner, kind, unit, label) DO NOTHING RETURNING id INTO v_id;
  END IF;
  RETURN coalesce(v_id, (SELECT id FROM ledger_account WHERE owner = p_owner AND kind = p_kind AND unit = p_unit AND label = p_label));
END $$;

CREATE FUNCTION ledger_find_pocket(p_tenant text, p_unit text, p_label text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ledger_find_account(p_tenant, CASE p_label WHEN '' THEN 'cash' ELSE 'credit' END, p_unit, p_label);
END $$;

CREATE FUNCTION ledger_apply(p_now timestamptz, p_rows jsonb, p_hold jsonb, p_parts jsonb, p_whole boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  v_hold bigint := (p_hold ->> 'id')::bigint;
  v_new int := 0;
  v_key text;
  v_detail text;
  v_constraint text;
  r record;
BEGIN
  FOR r IN
    SELECT DISTINCT s.owner, s.kind, x.unit, s.label
    FROM jsonb_to_recordset(p_rows) AS x(unit text, fo text, fk text, fl text, o text, k text, l text),
      LATERAL (VALUES (x.fo, x.fk, x.fl), (x.o, x.k, x.l)) AS s(owner, kind, label)
    ORDER BY 1, 2, 3, 4
  LOOP
    PERFORM ledger_open_account(r.owner, r.kind, r.unit, r.label);
  END LOOP;
  IF p_hold IS NOT NULL AND v_hold IS NULL THEN
    INSERT INTO ledger_hold (key, tenant_id, unit, state, asked, charged, steps, purpose, cause_kind, cause_id, created_at)
      VALUES (p_hold ->> 'key', p_hold ->> 'tenant_id', p_hold ->> 'unit', 'open', (p_hold ->> 'asked')::bigint, 0, 1, p_hold -> 'purpose',
        p_hold ->> 'cause_kind', p_hold ->> 'cause_id', p_now)
      ON CONFLICT (key) DO NOTHING RETURNING id INTO v_hold;
    IF v_hold IS NULL THEN
      RETURN jsonb_build_object('repeat', true);
    END IF;
  ELSIF p_hold ->> 'move' IS NOT NULL THEN
    UPDATE ledger_hold SET steps = steps + 1, state = p_hold ->> 'move', released_at = CASE p_hold ->> 'move' WHEN 'released' THEN p_now END
      WHERE id = v_hold AND state = 'open';
    IF NOT FOUND THEN
      RETURN jsonb_build_object('repeat', true);
    END IF;
  END IF;
  FOR r IN SELECT * FROM jsonb_to_recordset(p_parts) AS x(tenant text, unit text, label text, position int, share int) LOOP
    INSERT INTO ledger_hold_source (hold_id, hold_account, source_account, position, label, share_permille, remaining, charged)
      VALUES (v_hold, ledger_find_account(r.tenant, 'hold', r.unit, r.label), ledger_find_pocket(r.tenant, r.unit, r.label), r.position, r.label, r.share, 0, 0)
      ON CONFLICT DO NOTHING;
  END LOOP;
  INSERT INTO ledger_transfer (key, group_key, leg, from_account, to_account, unit, amount, kind, tenant_id, net, cause_kind, cause_id, memo, at,
      posted_at, hold_id, reverses)
    SELECT x.key, x.grp, x.leg, ledger_find_account(x.fo, x.fk, x.unit, x.fl), ledger_find_account(x.o, x.k, x.unit, x.l), x.unit, x.amount, x.kind,
      x.tenant, x.net, x.ck, x.ci, x.memo, x.at, p_now, CASE WHEN x.held THEN v_hold END, x.reverses
    FROM jsonb_to_recordset(p_rows) AS x(key text, grp text, leg int, fo text, fk text, fl text, o text, k text, l text, unit text, amount bigint,
      kind text, tenant text, net bigint, ck text, ci text, memo text, at timestamptz, held boolean, reverses bigint)
    ORDER BY x.key COLLATE "C"
    ON CONFLICT (key) DO NOTHING;
  GET DIAGNOSTICS v_new = ROW_COUNT;
  IF v_new < jsonb_array_length(p_rows) THEN
    IF p_whole THEN
      RAISE EXCEPTION USING ERRCODE = 'WT410', MESSAGE = 'posted before';
    END IF;
    SELECT x.key INTO v_key
      FROM jsonb_to_recordset(p_rows) AS x(key text, grp text, fo text, fk text, fl text, o text, k text, l text, unit text, amount bigint, ck text, ci text)
      LEFT JOIN ledger_transfer t ON t.key = x.key
      WHERE (t.from_account, t.to_account, t.amount, t.group_key, t.cause_kind, t.cause_id) IS DISTINCT FROM
        (ledger_find_account(x.fo, x.fk, x.unit, x.fl), ledger_find_account(x.o, x.k, x.unit, x.l), x.amount, x.grp, x.ck, x.ci)
      LIMIT 1;
    IF v_key IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'WT409', MESSAGE = v_key;
    END IF;
  END IF;
  RETURN jsonb_build_object('new', v_new);
EXCEPTION
  WHEN SQLSTATE 'WT410' THEN
    RETURN jsonb_build_object('repeat', true);
  WHEN SQLSTATE 'WT409' THEN
    GET STACKED DIAGNOSTICS v_key = MESSAGE_TEXT;
    RETURN jsonb_build_object('reused', v_key);
  WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS v_constraint = CONSTRAINT_NAME;
    IF p_whole THEN
      RETURN jsonb_build_object('repeat', true);
    END IF;
    RETURN jsonb_build_object('reused', p_rows -> 0 ->> 'grp');
  WHEN check_violation THEN
    GET STACKED DIAGNOSTICS v_constraint = CONSTRAINT_NAME, v_detail = PG_EXCEPTION_DETAIL;
    IF v_constraint = 'ck_ledger_balance_covered' THEN
      RETURN jsonb_build_object('short', v_detail::jsonb);
    END IF;
    RAISE;
END $$;

CREATE FUNCTION ledger_wallet(p_tenant text, p_unit text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_build_object(
    'cash', coalesce((SELECT amount FROM ledger_balance WHERE account_id = ledger_find_account(p_tenant, 'cash', p_unit, '')), 0),
    'debt', coalesce((SELECT -amount FROM ledger_balance WHERE account_id = ledger_find_account(p_tenant, 'receivable', p_unit, '')), 0),
    'credits', (
      SELECT jsonb_agg(to_jsonb(c) || jsonb_build_object('remaining', b.amount)) FROM ledger_credit c JOIN ledger_balance b ON b.account_id = c.account_id
      WHERE c.tenant_id = p_tenant AND c.unit = p_unit AND c.closed_at IS NULL AND b.amount > 0));
END $$;

CREATE FUNCTION ledger_hold_cash(p_now timestamptz, p_tenant text, p_key text, p_amount bigint, p_purpose jsonb, p_cause_kind text, p_cause_id text,
  p_units text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_cash bigint := ledger_find_account(p_tenant, 'cash', 'fen', '');
  v_held bigint;
  v_hold bigint;
BEGIN
  IF v_cash IS NULL OR EXISTS (
    SELECT FROM ledger_credit c JOIN ledger_balance b ON b.account_id = c.account_id
    WHERE c.tenant_id = p_tenant AND c.unit = ANY (p_units) AND c.closed_at IS NULL AND c.valid_until > p_now AND b.amount > 0)
  THEN
    RETURN NULL;
  END IF;
  v_held := ledger_open_account(p_tenant, 'hold', 'fen', '');
  PERFORM FROM ledger_balance WHERE account_id = v_cash AND amount >= p_amount FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  INSERT INTO ledger_hold (key, tenant_id, unit, state, asked, charged, steps, purpose, cause_kind, cause_id, created_at)
    VALUES (p_key, p_tenant, 'fen', 'open', p_amount, 0, 1, p_purpose, p_cause_kind, p_cause_id, p_now)
    ON CONFLICT (key) DO NOTHING RETURNING id INTO v_hold;
  IF v_hold IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO ledger_hold_source (hold_id, hold_account, source_account, position, label, share_permille, remaining, charged)
    VALUES (v_hold, v_held, v_cash, 0, '', 1000, 0, 0);
  INSERT INTO ledger_transfer (key, group_key, leg, from_account, to_account, unit, amount, kind, tenant_id, net, cause_kind, cause_id, memo, at,
      posted_at, hold_id)
    VALUES ('hold:' || p_key || '/1#1', 'hold:' || p_key || '/1#1', 1, v_cash, v_held, 'fen', p_amount, 'hold', p_tenant, 0, p_cause_kind, p_cause_id,
      'Held', p_now, p_now, v_hold);
  RETURN v_hold;
END $$;

-- Lets go of many holds: locked in order of their keys, given back by one statement. Those of an organisation in debt are left alone and named,
-- because what comes free pays the debt first; keys that are unknown or released already are passed over.
CREATE FUNCTION ledger_release_many(p_now timestamptz, p_keys text[]) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  v_free bigint[];
BEGIN
  PERFORM FROM ledger_hold WHERE key = ANY (p_keys) ORDER BY key COLLATE "C" FOR NO KEY UPDATE;
  SELECT array_agg(h.id) INTO v_free FROM ledger_hold h
    WHERE h.key = ANY (p_keys) AND h.state = 'open' AND NOT EXISTS (
      SELECT FROM ledger_balance b WHERE b.account_id = ledger_find_account(h.tenant_id, 'receivable', h.unit, '') AND b.amount < 0);
  INSERT INTO ledger_transfer (key, group_key, leg, from_account, to_account, unit, amount, kind, tenant_id, net, cause_kind, cause_id, memo, at,
      posted_at, hold_id)
    SELECT x.name, x.name, 1, s.hold_account, s.source_account, h.unit, s.remaining, 'release', h.tenant_id, 0, h.cause_kind, h.cause_id, 'Released',
      p_now, p_now, h.id
    FROM ledger_hold h JOIN ledger_hold_source s ON s.hold_id = h.id,
      LATERAL (SELECT 'hold:' || h.key || '/' || (h.steps + 1) || '#' || (s.position + 1) AS name) AS x
    WHERE h.id = ANY (v_free) AND s.remaining > 0;
  UPDATE ledger_hold SET steps = steps + 1, state = 'released', released_at = p_now WHERE id = ANY (v_free);
  RETURN (SELECT array_agg(key ORDER BY tenant_id, key) FROM ledger_hold WHERE key = ANY (p_keys) AND state = 'open');
END $$;

-- Charges many holds that consist of cash alone and have enough left, by one statement. Returns the numbers of those charges that were posted;
-- the others, repeated ones too, want a closer look one by one.
CREATE FUNCTION ledger_capture_many(p_now timestamptz, p_rows jsonb) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
  v_to bigint := ledger_open_account('centre', 'revenue', 'fen', '');
  v_done int[];
BEGIN
  PERFORM FROM ledger_hold WHERE key = ANY (SELECT x.hold FROM jsonb_to_recordset(p_rows) AS x(hold text)) ORDER BY key COLLATE "C" FOR NO KEY UPDATE;
  WITH asked AS (
    SELECT x.*, h.id, h.tenant_id, s.hold_account, s.remaining >= sum(x.amount) OVER (PARTITION BY x.hold) AND s.label = '' AS plain,
      (SELECT count(*) FROM ledger_hold_source o WHERE o.hold_id = h.id) AS parts
    FROM jsonb_to_recordset(p_rows) AS x(n int, hold text, key text, amount bigint, ck text, ci text, memo text, at timestamptz)
      JOIN ledger_hold h ON h.key = x.hold JOIN ledger_hold_source s ON s.hold_id = h.id
    WHERE h.unit = 'fen'
  ), posted AS (
    INSERT INTO ledger_transfer (key, group_key, leg, from_account, to_account, unit, amount, kind, tenant_id, net, cause_kind, cause_id, memo, at,
        posted_at, hold_id)
      SELECT key, key, 1, hold_account, v_to, 'fen', amount, 'charge', tenant_id, -amount, ck, ci, memo, at, p_now, id
      FROM asked WHERE plain AND parts = 1 ORDER BY key COLLATE "C"
      ON CONFLICT DO NOTHING RETURNING key
  )
  SELECT array_agg(asked.n) INTO v_done FROM posted JOIN asked ON asked.key = posted.key;
  RETURN v_done;
END $$;

CREATE FUNCTION ledger_read_hold(p_key text, p_group text, p_lock boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  v_hold ledger_hold;
BEGIN
  IF p_lock THEN
    SELECT * INTO v_hold FROM ledger_hold WHERE key = p_key FOR NO KEY UPDATE;
  ELSE
    SELECT * INTO v_hold FROM ledger_hold WHERE key = p_key;
  END IF;
  IF v_hold.id IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN jsonb_build_object(
    'hold', to_jsonb(v_hold),
    'sources', (SELECT jsonb_agg(to_jsonb(s) ORDER BY s.position) FROM ledger_hold_source s WHERE s.hold_id = v_hold.id),
    'legs', CASE WHEN p_group IS NOT NULL THEN ledger_read_legs(p_group) END);
END $$;

CREATE FUNCTION ledger_read_legs(p_group text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT jsonb_agg(jsonb_build_object('id', t.id, 'key', t.key, 'grp', t.group_key, 'amount', t.amount, 'kind', t.kind, 'ck', t.cause_kind,
        'ci', t.cause_id, 'hold_id', t.hold_id, 'unit', t.unit, 'reversed_by', (SELECT r.group_key FROM ledger_transfer r WHERE r.reverses = t.id),
        'reverses', t.reverses, 'fo', f.owner, 'fk', f.kind, 'fl', f.label, 'o', o.owner, 'k', o.kind, 'l', o.label) ORDER BY t.leg)
    FROM ledger_transfer t JOIN ledger_account f ON f.id = t.from_account JOIN ledger_account o ON o.id = t.to_account
    WHERE t.id IN (SELECT id FROM ledger_transfer WHERE group_key = p_group UNION SELECT id FROM ledger_transfer WHERE key = p_group));
END $$;
"""

FUNCTIONS = (
    "ledger_release_many(timestamptz, text[])",
    "ledger_capture_many(timestamptz, jsonb)",
    "ledger_read_legs(text)",
    "ledger_read_hold(text, text, boolean)",
    "ledger_wallet(text, text)",
    "ledger_hold_cash(timestamptz, text, text, bigint, jsonb, text, text, text[])",
    "ledger_apply(timestamptz, jsonb, jsonb, jsonb, boolean)",
    "ledger_find_pocket(text, text, text)",
    "ledger_open_account(text, text, text, text)",
    "ledger_find_account(text, text, text, text)",
    "ledger_transfer_posted()",
    "ledger_account_opened()",
    "ledger_born_empty()",
    "ledger_refuse()",
)


def upgrade() -> None:
    """Apply."""
    _accounts()
    _holds()
    _transfers()
    _credits()
    for script in (GUARDS, CACHES, VERBS):
        op.get_bind().exec_driver_sql(script.replace("%", "%%"))


def downgrade() -> None:
    """Undo."""
    for table in ("credit", "transfer", "hold_source", "hold", "balance", "account"):
        op.drop_table(f"ledger_{table}")
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")


def _big(name: str, *rest: sa.Identity, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), *rest, nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _accounts() -> None:
    op.create_table(
        "ledger_account",
        _big("id", sa.Identity(always=True)),
        _text("owner"),
        _text("kind"),
        _text("unit"),
        _text("label"),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_account"),
        sa.UniqueConstraint("owner", "kind", "unit", "label", name="uq_ledger_account_owner_kind_unit_label"),
        sa.UniqueConstraint("id", "unit", name="uq_ledger_account_id_unit"),
    )
    op.create_table(
        "ledger_balance",
        _big("account_id"),
        _big("amount"),
        sa.Column("sign", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_ledger_balance"),
        sa.ForeignKeyConstraint(["account_id"], ["ledger_account.id"], name="fk_ledger_balance_account_id"),
        sa.CheckConstraint("amount * sign >= 0", name=op.f("ck_ledger_balance_covered")),
        postgresql_with={"fillfactor": "50"},
    )


def _holds() -> None:
    op.create_table(
        "ledger_hold",
        _big("id", sa.Identity(always=True)),
        _text("key"),
        _text("tenant_id"),
        _text("unit"),
        _text("state"),
        _big("asked"),
        _big("charged"),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("purpose", JSONB(), nullable=False),
        _text("cause_kind"),
        _text("cause_id"),
        _time("created_at"),
        _time("released_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_hold"),
        sa.UniqueConstraint("key", name="uq_ledger_hold_key"),
        sa.CheckConstraint("state IN ('open', 'released')", name=op.f("ck_ledger_hold_state")),
        sa.CheckConstraint("asked > 0 AND charged >= 0", name=op.f("ck_ledger_hold_amounts")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_ledger_hold_open", "ledger_hold", ["tenant_id", "unit"], postgresql_where=sa.text("state = 'open'"))
    op.create_table(
        "ledger_hold_source",
        _big("hold_id"),
        _big("hold_account"),
        _big("source_account"),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        _text("label"),
        sa.Column("share_permille", sa.Integer(), nullable=False),
        _big("remaining"),
        _big("charged"),
        sa.PrimaryKeyConstraint("hold_id", "hold_account", name="pk_ledger_hold_source"),
        sa.ForeignKeyConstraint(["hold_id"], ["ledger_hold.id"], name="fk_ledger_hold_source_hold_id"),
        sa.ForeignKeyConstraint(["hold_account"], ["ledger_account.id"], name="fk_ledger_hold_source_hold_account"),
        sa.ForeignKeyConstraint(["source_account"], ["ledger_account.id"], name="fk_ledger_hold_source_source_account"),
        sa.CheckConstraint("remaining >= 0 AND charged >= 0", name=op.f("ck_ledger_hold_source_covered")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_ledger_hold_source_held", "ledger_hold_source", ["source_account"], postgresql_where=sa.text("remaining > 0"))


def _transfers() -> None:
    op.create_table(
        "ledger_transfer",
        _big("id", sa.Identity(always=True)),
        _text("key"),
        _text("group_key"),
        sa.Column("leg", sa.SmallInteger(), nullable=False),
        _big("from_account"),
        _big("to_account"),
        _text("unit"),
        _big("amount"),
        _text("kind"),
        _text("tenant_id", nullable=True),
        _big("net"),
        _text("cause_kind"),
        _text("cause_id"),
        _text("memo"),
        _time("at"),
        _time("posted_at"),
        _big("hold_id", nullable=True),
        _big("reverses", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_transfer"),
        sa.UniqueConstraint("key", name="uq_ledger_transfer_key"),
        sa.UniqueConstraint("group_key", "leg", name="uq_ledger_transfer_group_key_leg"),
        sa.ForeignKeyConstraint(["from_account", "unit"], ["ledger_account.id", "ledger_account.unit"], name="fk_ledger_transfer_from_account_unit"),
        sa.ForeignKeyConstraint(["to_account", "unit"], ["ledger_account.id", "ledger_account.unit"], name="fk_ledger_transfer_to_account_unit"),
        sa.ForeignKeyConstraint(["hold_id"], ["ledger_hold.id"], name="fk_ledger_transfer_hold_id"),
        sa.ForeignKeyConstraint(["reverses"], ["ledger_transfer.id"], name="fk_ledger_transfer_reverses"),
        sa.CheckConstraint("amount > 0", name=op.f("ck_ledger_transfer_positive")),
        sa.CheckConstraint("from_account <> to_account", name=op.f("ck_ledger_transfer_two_sides")),
        sa.CheckConstraint("net IN (0, amount, -amount)", name=op.f("ck_ledger_transfer_net")),
    )
    only = sa.text("reverses IS NOT NULL")
    op.create_index("uq_ledger_transfer_reverses", "ledger_transfer", ["reverses"], unique=True, postgresql_where=only)
    columns = ["tenant_id", "unit", "at", "id"]
    lines = sa.text("net <> 0")
    op.create_index("ix_ledger_transfer_statement", "ledger_transfer", columns, postgresql_where=lines, postgresql_include=["net", "leg"])


def _credits() -> None:
    op.create_table(
        "ledger_credit",
        _text("id"),
        _text("key"),
        _text("tenant_id"),
        _big("account_id"),
        _big("payer_id"),
        _text("unit"),
        _text("label"),
        _big("granted"),
        sa.Column("share_permille", sa.Integer(), nullable=False),
        sa.Column("services", JSONB(), nullable=True),
        sa.Column("flavours", JSONB(), nullable=True),
        sa.Column("pools", JSONB(), nullable=True),
        _time("valid_from"),
        _time("valid_until"),
        sa.Column("expiries", sa.Integer(), nullable=False),
        _time("closed_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_credit"),
        sa.UniqueConstraint("key", name="uq_ledger_credit_key"),
        sa.UniqueConstraint("account_id", name="uq_ledger_credit_account_id"),
        sa.ForeignKeyConstraint(["account_id"], ["ledger_account.id"], name="fk_ledger_credit_account_id"),
        sa.ForeignKeyConstraint(["payer_id"], ["ledger_account.id"], name="fk_ledger_credit_payer_id"),
        sa.CheckConstraint("share_permille BETWEEN 1 AND 1000", name=op.f("ck_ledger_credit_share")),
        sa.CheckConstraint("valid_from < valid_until", name=op.f("ck_ledger_credit_validity")),
        sa.CheckConstraint("granted > 0", name=op.f("ck_ledger_credit_granted")),
    )
    still = sa.text("closed_at IS NULL")
    op.create_index("ix_ledger_credit_usable", "ledger_credit", ["tenant_id", "unit"], postgresql_where=still)
    op.create_index("ix_ledger_credit_due", "ledger_credit", ["valid_until"], postgresql_where=still)
