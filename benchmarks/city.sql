-- A centre after its first quarter: organisations of which few use most, jobs with what running and paying for them leaves behind.
-- city.tenants, city.jobs and city.home (the organisation that uses most) are set before; random numbers are the same each time.
SET LOCAL session_replication_role = replica;
SET LOCAL work_mem = '64MB';
SELECT setseed(0.42);

CREATE TEMP TABLE city AS SELECT
    current_setting('city.tenants')::int AS tenants, current_setting('city.jobs')::int AS jobs, current_setting('city.home') AS home,
    date_trunc('second', now()) AS now, interval '90 days' AS span;
CREATE FUNCTION pg_temp.made_id(kind text, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT kind || '_05' || lpad(n::text, 18, '0') $$;

-- Machines: 32 nodes of 8 cards, with an engine that this process does not run.
INSERT INTO centre_accelerator (name, vendor, fp16_tflops, memory_gb, device) VALUES ('a100', 'nvidia', 312, 80, 'gpu');
INSERT INTO centre_engine (name, capabilities, refreshed_at, problem, allow_unconfined)
    SELECT 'city', capabilities || '{"engine": "city", "nodes": 32, "slots": 256}', now(), '', false FROM centre_engine WHERE name = 'local';
INSERT INTO centre_pool (name, engine, accelerator, description, state, max_time_limit_s, partition)
    VALUES ('city', 'city', 'a100', '32 machines of 8 cards', 'open', 604800, '');
INSERT INTO centre_node SELECT 'city', 'node-' || lpad(n::text, 2, '0'), 8, 128, 1048576, 'up', '' FROM generate_series(0, 31) n;
INSERT INTO centre_node_event (pool, node, at, state, reason, by)
    SELECT 'city', 'node-' || lpad((n % 32)::text, 2, '0'), c.now - c.span * random(), CASE n % 2 WHEN 0 THEN 'down' ELSE 'up' END, 'memory', 'system'
    FROM city c, generate_series(1, 600) n ORDER BY n;
INSERT INTO centre_flavour SELECT 'a100.' || cards, 'city', 'a100', cards, cards * 16, cards * 131072, cards || ' cards', true, 'normal'
    FROM unnest(ARRAY[1, 2, 4, 8]) cards;
INSERT INTO compute_price SELECT pg_temp.made_id('price', cards), 'a100.' || cards, 1200, c.now - c.span * 2, 'seed', c.now - c.span * 2
    FROM city c, unnest(ARRAY[1, 2, 4, 8]) cards;
INSERT INTO centre_capacity SELECT hour, n.pool, n.name, n.cards * 3600000
    FROM city c, generate_series(date_trunc('hour', c.now - c.span), date_trunc('hour', c.now) - interval '1 hour', interval '1 hour') hour, centre_node n
    WHERE n.pool = 'city';

-- Organisations and people. Number 1 is the one that is there already.
CREATE TEMP TABLE org AS SELECT n, CASE n WHEN 1 THEN c.home ELSE pg_temp.made_id('ten', n) END AS id, 2 + 60 / (n + 2) AS people
    FROM city c, generate_series(1, c.tenants) n;
INSERT INTO identity_tenant SELECT r.* FROM org o, city c, identity_tenant t, jsonb_populate_record(t, jsonb_build_object(
    'id', o.id, 'name', '第' || o.n || '机器视觉有限公司', 'credit_code', '91420100' || lpad(o.n::text, 10, '0'), 'created_at', c.now - c.span)) r
    WHERE t.id = c.home AND o.n > 1;
CREATE TEMP TABLE soul AS SELECT o.n * 100 + m AS n, o.id AS tenant_id, o.n AS org, m AS place,
        CASE WHEN o.n = 1 AND m = 1 THEN (SELECT person_id FROM identity_membership WHERE tenant_id = c.home) ELSE pg_temp.made_id('per', o.n * 100 + m) END AS id
    FROM city c, org o, generate_series(1, o.people) m;
INSERT INTO identity_person (id, email, name, password_hash, language, zone, created_at) SELECT s.id, s.n || '@city.example', '员工' || s.n, NULL, 'zh', 'Asia/Shanghai', c.now - c.span
    FROM soul s, city c WHERE s.n <> 101;
INSERT INTO identity_membership (tenant_id, person_id, role, joined_at) SELECT s.tenant_id, s.id, CASE s.place WHEN 1 THEN 'owner' WHEN 2 THEN 'finance' ELSE 'member' END, c.now - c.span
    FROM soul s, city c WHERE s.n <> 101;

-- Jobs. The organisation of rank k submits one in k of what the first does; half run under four minutes, the longest for hours.
CREATE TEMP TABLE job AS
WITH drawn AS (
    SELECT n, floor(exp(random() * ln(c.tenants + 1)))::int AS org, random() AS luck, (ARRAY[1, 1, 1, 2, 4, 8])[1 + floor(random() * 6)::int] AS cards,
        least(28800, 5 + exp(ln(240) + 1.3 * random_normal())) AS seconds, random() AS whose,
        interval '1 second' * CASE WHEN n > c.jobs - 600 OR random() < 0.7 THEN 2 ELSE 60 + 600 * random() END AS wait,
        CASE WHEN n > c.jobs - 600 THEN c.now - interval '20 seconds' * (c.jobs - n + 3)
        ELSE c.now - interval '12 hours' - c.span * (1 - n::float / c.jobs) END AS at,
        n > c.jobs - 50 AS asks, n > c.jobs - 450 AS waits, n > c.jobs - 600 AS runs
    FROM city c, generate_series(1, c.jobs) n)
SELECT d.n, pg_temp.made_id('job', d.n) AS id, 'wutong-' || pg_temp.made_id('job', d.n) || '-1' AS run, o.id AS tenant_id, s.id AS person_id, s.n AS soul,
    CASE WHEN d.runs AND NOT d.waits THEN 1 ELSE d.cards END AS cards, 'node-' || lpad((d.n % 32)::text, 2, '0') AS node,
    'train-' || d.n AS name, 'project-' || (d.n % 7) AS project, d.at,
    CASE WHEN d.waits THEN NULL ELSE d.at + d.wait END AS started,
    CASE WHEN d.runs THEN NULL ELSE d.at + d.wait + interval '1 second' * round(d.seconds::numeric, 3)::float END AS ended,
    CASE WHEN d.asks THEN 'waiting' WHEN d.waits THEN 'queued' WHEN d.runs THEN 'running' WHEN d.luck < 0.88 THEN 'succeeded' WHEN d.luck < 0.97 THEN 'failed'
        ELSE 'cancelled' END AS state
FROM drawn d JOIN org o ON o.n = d.org JOIN soul s ON s.n = d.org * 100 + 1 + floor(d.whose * o.people)::int;
CREATE UNIQUE INDEX ON job (n);
ANALYZE job;
CREATE TEMP VIEW ran AS SELECT j.*, coalesce(j.ended, c.now) AS until, CASE j.state WHEN 'succeeded' THEN 'completed' WHEN 'failed' THEN 'failed'
    WHEN 'cancelled' THEN 'cancelled' END AS why FROM job j, city c WHERE j.started IS NOT NULL;

INSERT INTO compute_job SELECT r.* FROM job j, (SELECT * FROM compute_job WHERE name = 'first-training') t, jsonb_populate_record(t::compute_job, jsonb_build_object(
    'id', j.id, 'tenant_id', j.tenant_id, 'person_id', j.person_id, 'name', j.name, 'state', j.state, 'reason', CASE j.state WHEN 'succeeded' THEN 'completed'
    WHEN 'failed' THEN 'command_failed' WHEN 'cancelled' THEN 'cancelled' END, 'wait_reason', CASE j.state WHEN 'waiting' THEN 'money' END, 'flavour', 'a100.' || j.cards,
    'pool', 'city', 'cards', j.cards, 'labels', jsonb_build_object('project', j.project), 'created_at', j.at, 'started_at', j.started, 'ended_at', j.ended,
    'next_at', '2100-01-01T00:00:00Z', 'output_repo_id', CASE j.state WHEN 'succeeded' THEN pg_temp.made_id('repo', j.n) END,
    'output_version_id', CASE j.state WHEN 'succeeded' THEN pg_temp.made_id('version', j.n) END)) r ORDER BY j.n;
-- A quarter of what the largest submitted came as one array.
WITH part AS (SELECT j.id, row_number() OVER (ORDER BY j.n) AS place FROM job j, city c WHERE j.tenant_id = c.home AND j.n BETWEEN c.jobs / 4 AND c.jobs / 2)
UPDATE compute_job j SET parent_id = first.id, array_index = part.place - 1 FROM part, part AS first WHERE first.place = 1 AND part.place > 1 AND j.id = part.id;
UPDATE compute_job j SET array_size = part.size FROM (SELECT parent_id, count(*) AS size FROM compute_job WHERE parent_id IS NOT NULL GROUP BY 1) part WHERE j.id = part.parent_id;
INSERT INTO compute_job_event (job_id, at, what, state, attempt, detail, by) SELECT j.id, e.at, e.what, e.state, 1, '', 'system'
    FROM job j, LATERAL (VALUES (j.at, 'accepted', 'queued'), (j.started, 'running', 'running'), (j.ended, 'finishing', 'finishing'), (j.ended, j.state, j.state))
    AS e (at, what, state) WHERE e.at IS NOT NULL ORDER BY e.at;
INSERT INTO compute_attempt (run_name, job_id, number, reason, detail, exit_code, restart, ours, requested_at, started_at, ended_at, log_kept_at)
    SELECT j.run, j.id, 1, CASE j.state WHEN 'succeeded' THEN 'completed' WHEN 'failed' THEN 'failed' WHEN 'cancelled' THEN 'cancelled' END, '',
    CASE WHEN j.ended IS NOT NULL THEN 0 END, 0, false, j.at, j.started, j.ended, j.ended FROM job j;
INSERT INTO identity_audit (at, tenant_id, person_id, person_name, via, address, action, kind, object_id, before, after)
    SELECT j.at, j.tenant_id, j.person_id, '员工' || j.soul, 'session', '10.0.0.1', 'job.submit', 'job', j.id, NULL, jsonb_build_object('jobs', 1, 'name', j.name)
    FROM job j ORDER BY j.n;
INSERT INTO desk_notice (person_id, kind, key, tenant_id, facts, shown, at, read_at, mail_at)
    SELECT j.person_id, 'job_ended', 'job:' || j.id, j.tenant_id,
    jsonb_build_object('cause', 'completed', 'state', j.state, 'job_id', j.id, 'job_name', j.name), true, j.ended, CASE WHEN j.n % 5 > 0 THEN j.ended END, NULL
    FROM job j WHERE j.ended IS NOT NULL ORDER BY j.ended;

-- What the centre knows of their running.
INSERT INTO centre_run SELECT r.* FROM job j, city c, (SELECT * FROM centre_run LIMIT 1) t, jsonb_populate_record(t::centre_run, jsonb_build_object(
    'name', j.run, 'pool', 'city', 'engine', 'city', 'tenant', j.tenant_id, 'cards', j.cards, 'requested_at', j.at, 'sent_at', j.at, 'submitted_at', j.at,
    'phase', CASE WHEN j.ended IS NOT NULL THEN 'ended' WHEN j.started IS NOT NULL THEN 'running' ELSE 'queued' END, 'reason', CASE j.state WHEN 'succeeded' THEN
    'completed' WHEN 'failed' THEN 'failed' WHEN 'cancelled' THEN 'cancelled' END, 'node', CASE WHEN j.started IS NOT NULL THEN j.node END,
    'position', CASE WHEN j.state = 'queued' THEN j.n - c.jobs + 450 END, 'waiting_for', CASE WHEN j.state = 'queued' THEN 'Cards are taken.' END,
    'started_at', j.started, 'ended_at', j.ended, 'seen_at', c.now, 'due_at', NULL)) r WHERE j.state <> 'waiting';
INSERT INTO centre_run_event (name, phase, restart, reason, detail, exit_code, signal, stop_why, at, started_at, ended_at)
    SELECT j.run, e.phase, 0, CASE e.phase WHEN 'ended' THEN CASE j.state WHEN 'succeeded' THEN 'completed' ELSE j.state END END, '', NULL, NULL, NULL, e.at, j.started, j.ended
    FROM job j, LATERAL (VALUES (j.at, 'queued'), (j.started, 'running'), (j.ended, 'ended')) AS e (at, phase)
    WHERE j.state <> 'waiting' AND e.at IS NOT NULL ORDER BY e.at;
INSERT INTO centre_forecast (run_name, pool, made_at, start_at, bound_at, first_made_at, first_start_at, first_bound_at)
    SELECT j.run, 'city', c.now, c.now + interval '1 hour', c.now + interval '2 hours', j.at, c.now, c.now + interval '2 hours' FROM job j, city c WHERE j.state = 'queued';
INSERT INTO centre_forecast_score (run_name, made_at, pool, start_at, bound_at, started_at)
    SELECT j.run, j.at, 'city', j.started - interval '1 minute', j.started + interval '9 minutes', j.started
    FROM ran j, city c WHERE j.started > c.now - interval '35 days' AND j.started >= j.at + interval '60 seconds';
CREATE TEMP TABLE used AS
SELECT row_number() OVER (ORDER BY w.at, j.n) AS n, j.n AS job, j.id, j.run, j.tenant_id, j.person_id, j.cards, j.node, w.at, j.ended IS NOT NULL AND w.at + interval '1 minute' >= j.until AS final,
    round(extract(epoch FROM least(j.until, w.at + interval '1 minute') - greatest(j.started, w.at)) * 1000)::bigint AS ms,
    round(extract(epoch FROM greatest(j.started, w.at) - j.started) * 1000)::bigint AS before_ms
FROM ran j, generate_series(date_trunc('minute', j.started), j.until, interval '1 minute') AS w (at) WHERE w.at < j.until;
CREATE TEMP TABLE base AS SELECT (SELECT coalesce(max(seq), 0) FROM centre_usage) AS usage, (SELECT max(id) FROM ledger_hold) AS hold;
INSERT INTO centre_usage (seq, run_name, restart, window_start, seconds_ms, cards, card_seconds_ms, final, fault, recorded_at) OVERRIDING SYSTEM VALUE
    SELECT b.usage + u.n, u.run, 0, u.at, u.ms, u.cards, u.ms * u.cards, u.final, '', u.at + interval '61 seconds' FROM used u, base b ORDER BY u.n;
INSERT INTO centre_utilisation SELECT date_trunc('hour', at), 'city', node, tenant_id, sum(ms * cards) FROM used GROUP BY 1, 3, 4;

-- What it cost: every window a line of the bill and an entry of the books, every job a hold and its release.
INSERT INTO ledger_account (owner, kind, unit, label) SELECT o.id, k, 'fen', '' FROM org o, unnest(ARRAY['cash', 'hold']) k ORDER BY o.n ON CONFLICT DO NOTHING;
INSERT INTO ledger_account (owner, kind, unit, label) VALUES ('centre', 'revenue', 'fen', '') ON CONFLICT DO NOTHING;
CREATE TEMP TABLE purse AS SELECT o.id AS tenant_id, o.n AS org, cash.id AS cash, hold.id AS hold, (SELECT id FROM ledger_account WHERE owner = 'centre' AND kind = 'bank' AND unit = 'fen') AS bank,
    (SELECT id FROM ledger_account WHERE owner = 'centre' AND kind = 'revenue' AND unit = 'fen') AS revenue
    FROM org o JOIN ledger_account cash ON cash.owner = o.id AND cash.kind = 'cash' AND cash.unit = 'fen'
    JOIN ledger_account hold ON hold.owner = o.id AND hold.kind = 'hold' AND hold.unit = 'fen';
INSERT INTO compute_payment SELECT pg_temp.made_id('pay', p.org * 100 + m), p.tenant_id, 'top_up', 500000000 / p.org + 1000000, 'bank-' || p.org || '-' || m, '', 'system', c.now - c.span * (1.01 - m / 12.0)
    FROM purse p, city c, generate_series(1, 12) m;
INSERT INTO compute_payment_proposal SELECT pg_temp.made_id('prop', p.org * 100 + m), p.tenant_id, 'top_up', 1000000, 'proposal-' || p.org || '-' || m, '', 0,
    CASE m WHEN 1 THEN 'proposed' ELSE 'withdrawn' END, 'system', c.now - c.span * random(), CASE m WHEN 1 THEN NULL ELSE 'system' END, CASE m WHEN 1 THEN NULL ELSE c.now END, '', NULL
    FROM purse p, city c, generate_series(1, 4) m;
INSERT INTO compute_billed_job SELECT r.* FROM job j, city c, (SELECT * FROM compute_billed_job LIMIT 1) t, jsonb_populate_record(t::compute_billed_job, jsonb_build_object(
    'job_id', j.id, 'job_name', j.name, 'tenant_id', j.tenant_id, 'person_id', j.person_id, 'flavour', 'a100.' || j.cards, 'pool', 'city', 'accelerator', 'a100', 'cards', j.cards,
    'created_at', j.at, 'settled_at', j.ended, 'held_fen', CASE WHEN j.ended IS NULL THEN 1200 * j.cards ELSE 0 END)) r ORDER BY j.n;
INSERT INTO compute_billed_run (run_name, job_id, tenant_id, flavour, attempt, card_ms, package_seconds, package_carry_ms, units, amount_fen, final_restart, fault, created_at)
    SELECT j.run, j.id, j.tenant_id, 'a100.' || j.cards, 1, u.ms, 0, 0, u.ms * 1200, u.ms * 1200 / 3600000, 0, false, j.at
    FROM ran j JOIN (SELECT job, sum(ms * cards)::bigint AS ms FROM used GROUP BY job) u ON u.job = j.n ORDER BY j.n;
INSERT INTO compute_run_end (run_name, reason, our_fault, started, restart, at, done_at) SELECT j.run, j.why, false, true, 0, j.ended, j.ended FROM ran j WHERE j.ended IS NOT NULL;
INSERT INTO compute_job_close SELECT j.id, j.ended, j.ended, j.ended FROM job j WHERE j.ended IS NOT NULL;
CREATE TEMP TABLE cost AS SELECT u.*, (u.before_ms + u.ms) * u.cards * 1200 / 3600000 - u.before_ms * u.cards * 1200 / 3600000 AS fen,
    'usage:' || u.run || ':0:' || extract(epoch FROM u.at)::bigint * 1000 || ':' || u.ms AS key FROM used u;
INSERT INTO compute_charge (id, kind, tenant_id, person_id, job_id, run_name, restart, window_start, usage_seq, from_card_ms, to_card_ms, card_ms, money_ms, package_seconds,
    price_id, fen_per_card_hour, units, amount_fen, transfer_key, reverses, month, at, reason)
    SELECT pg_temp.made_id('charge', k.n), 'usage', k.tenant_id, k.person_id, k.id, k.run, 0, k.at, b.usage + k.n, 0, k.ms * k.cards, k.ms * k.cards, k.ms * k.cards, 0,
    pg_temp.made_id('price', k.cards), 1200, k.ms * k.cards * 1200, k.fen, CASE WHEN k.fen > 0 THEN k.key END, NULL, to_char(k.at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM'), k.at + interval '62 seconds', ''
    FROM cost k, base b WHERE k.ms > 0 ORDER BY k.n;
INSERT INTO compute_spend SELECT tenant_id, who, to_char(at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM') AS month, sum(fen), 0, sum(ms * cards)
    FROM cost, LATERAL unnest(ARRAY['', person_id]) who GROUP BY 1, 2, 3 ON CONFLICT DO NOTHING;
INSERT INTO ledger_hold (id, key, tenant_id, unit, state, asked, charged, steps, purpose, cause_kind, cause_id, created_at, released_at) OVERRIDING SYSTEM VALUE
    SELECT b.hold + j.n, 'job:' || j.id, j.tenant_id, 'fen', CASE WHEN j.ended IS NULL THEN 'open' ELSE 'released' END, h.asked, coalesce(k.fen, 0), 2,
    jsonb_build_object('pool', 'city', 'flavour', 'a100.' || j.cards, 'service', 'compute'), 'job', j.id, j.at, j.ended
    FROM base b, job j LEFT JOIN (SELECT job, sum(fen)::bigint AS fen FROM cost GROUP BY job) k ON k.job = j.n, LATERAL (SELECT 1200 * j.cards + coalesce(k.fen, 0) AS asked) h ORDER BY j.n;
INSERT INTO ledger_hold_source SELECT h.id, p.hold, p.cash, 0, '', 1000, CASE h.state WHEN 'open' THEN h.asked - h.charged ELSE 0 END, h.charged
    FROM ledger_hold h JOIN purse p ON p.tenant_id = h.tenant_id, base b WHERE h.id > b.hold;
INSERT INTO ledger_transfer (key, group_key, leg, from_account, to_account, unit, amount, kind, tenant_id, net, cause_kind, cause_id, memo, at, posted_at, hold_id, reverses)
SELECT e.key, e.key, 1, e.source, e.target, 'fen', e.amount, e.kind, e.tenant_id, e.net, e.cause, e.cause_id, e.memo, e.at, e.at, e.hold_id, NULL FROM (
    SELECT 'top_up:' || t.id AS key, p.bank AS source, p.cash AS target, t.amount_fen AS amount, 'top_up' AS kind, p.tenant_id, t.amount_fen AS net, 'top_up' AS cause, t.reference AS cause_id,
        '' AS memo, t.at, NULL::bigint AS hold_id FROM compute_payment t JOIN purse p ON p.tenant_id = t.tenant_id WHERE t.recorded_by = 'system'
    UNION ALL SELECT 'hold:' || h.key || '/1#1', p.cash, p.hold, h.asked, 'hold', p.tenant_id, 0, 'job', h.cause_id, 'Held', h.created_at, h.id
        FROM ledger_hold h JOIN purse p ON p.tenant_id = h.tenant_id, base b WHERE h.id > b.hold
    UNION ALL SELECT 'hold:' || h.key || '/2#1', p.hold, p.cash, h.asked - h.charged, 'release', p.tenant_id, 0, 'job', h.cause_id, 'Released', h.released_at, h.id
        FROM ledger_hold h JOIN purse p ON p.tenant_id = h.tenant_id, base b WHERE h.id > b.hold AND h.state = 'released'
    UNION ALL SELECT k.key, p.hold, p.revenue, k.fen, 'charge', p.tenant_id, -k.fen, 'job', k.id, 'charged', k.at, b.hold + k.job
        FROM cost k JOIN purse p ON p.tenant_id = k.tenant_id, base b WHERE k.fen > 0) e ORDER BY e.at;
INSERT INTO ledger_balance SELECT a.id, 0, 1 FROM ledger_account a WHERE a.kind = 'cash' AND a.owner <> 'centre' ON CONFLICT DO NOTHING;
UPDATE ledger_balance b SET amount = s.amount FROM (
    SELECT account, sum(amount)::bigint AS amount FROM (SELECT to_account AS account, amount FROM ledger_transfer UNION ALL SELECT from_account, -amount FROM ledger_transfer) side GROUP BY account) s
    WHERE s.account = b.account_id;
INSERT INTO compute_ladder (tenant_id, person_id, base_fen, period, level, due_at) SELECT p.tenant_id, '', b.amount, 1, 0, NULL FROM purse p JOIN ledger_balance b ON b.account_id = p.cash ON CONFLICT DO NOTHING;

-- What they made: an output of every job that succeeded, a few data sets of their own, tickets.
CREATE TEMP TABLE repo AS
    SELECT j.n, 'output' AS kind, j.id AS name, j.tenant_id, j.ended AS at FROM job j WHERE j.state = 'succeeded'
    UNION ALL SELECT 1000000 + o.n * 1000 + m, (ARRAY['dataset', 'model', 'code'])[1 + m % 3], 'set-' || m, o.id, c.now - c.span * random() FROM city c, org o, generate_series(1, 3 + 200 / o.n) m;
INSERT INTO hub_repo SELECT pg_temp.made_id('repo', r.n), r.tenant_id, r.kind, r.name, CASE WHEN r.n % 997 = 0 THEN 'public' ELSE 'private' END, '', '', 1, 'system', r.at, NULL FROM repo r ORDER BY r.n;
INSERT INTO hub_version SELECT pg_temp.made_id('version', r.n), pg_temp.made_id('repo', r.n), r.tenant_id, 1, md5(r.n::text) || md5(r.n::text), 131, 2,
    CASE r.kind WHEN 'output' THEN jsonb_build_object('job', r.name, 'inputs', '[]'::jsonb, 'attempt', 1) ELSE '{}' END, '', 'system', r.at, NULL, NULL FROM repo r ORDER BY r.n;
INSERT INTO hub_blob SELECT md5(n::text) || md5(n::text), 65, now(), NULL FROM generate_series(1, 100) n;
INSERT INTO hub_blob_owner SELECT o.id, md5(b::text) || md5(b::text), 65, now() FROM org o, generate_series(1, 100) b;
INSERT INTO hub_file SELECT pg_temp.made_id('version', r.n), f.path, r.tenant_id, md5(f.n::text) || md5(f.n::text), 65
    FROM repo r, LATERAL (VALUES ('metrics.jsonl', 1 + r.n % 100), ('model.txt', 1 + (r.n * 7) % 100)) AS f (path, n);
INSERT INTO hub_storage (tenant_id, accrued_at, used_bytes, quota_bytes, reserved_bytes) SELECT o.id, c.now, 1000000, 107374182400, 0 FROM org o, city c ON CONFLICT DO NOTHING;
INSERT INTO desk_ticket (id, tenant_id, person_id, subject, state, job_id, assignee_id, created_at, updated_at, last_message, closed_at)
    SELECT pg_temp.made_id('tick', s.n * 10 + m), s.tenant_id, s.id, '作业为什么失败？' || s.n || m, CASE WHEN m > 1 THEN 'closed' ELSE 'open' END, NULL, NULL, t.at, t.at, 0, CASE WHEN m > 1 THEN t.at END
    FROM soul s, generate_series(1, 3) m, city c, LATERAL (SELECT c.now - c.span * random() AS at) t;
INSERT INTO desk_message (ticket_id, person_id, name, text, staff, at) SELECT t.id, t.person_id, '员工', '请看一下。', false, t.created_at FROM desk_ticket t, generate_series(1, 3) m;
UPDATE desk_ticket t SET last_message = (SELECT max(id) FROM desk_message m WHERE m.ticket_id = t.id);

-- The loops have read all this already.
SELECT setval(pg_get_serial_sequence('centre_usage', 'seq'), (SELECT max(seq) FROM centre_usage)), setval(pg_get_serial_sequence('ledger_hold', 'id'), (SELECT max(id) FROM ledger_hold));
UPDATE kit_cursor SET position = (SELECT max(seq) FROM centre_usage) WHERE name IN ('compute.settler', 'centre.utilisation');
UPDATE kit_cursor SET position = (SELECT max(seq) FROM centre_run_event) WHERE name = 'compute.tracker';
